#include "lesson/markdown.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

#include "base/text.h"
#include "lesson/facts.h"
#include "lesson/markdown_private.h"

#define CODE_COLUMNS 58 /* and two of indent in a terminal of 60 */

struct reader {
    struct markdown *md;
    const char *at, *end;
    unsigned line;      /* of the line that was read last */
    struct buf text;    /* of the block that is being read */
    struct block block; /* its kind and bullet */
    bool open;          /* there is such a block */
    bool apart;         /* an empty line was read */
    struct sd_err *err;
};

static int fail(const struct reader *r, const char *text)
{
    return sd_fail(r->err, EINVAL, "%s:%u: %s", r->md->name, r->line, text);
}

static int no_memory(const struct reader *r)
{
    return sd_fail(r->err, ENOMEM, "%s: out of memory", r->md->name);
}

/* The array with room for one more; NULL when memory is out, and then it is as it was. */
static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
    const size_t more = *cap == 0 ? 8 : 2 * *cap;
    if (count < *cap)
        return array;
    void *now = reallocarray(array, more, size);
    if (now != NULL)
        *cap = more;
    return now;
}

static struct section *last_section(struct markdown *md)
{
    return md->section_count > 0 ? &md->sections[md->section_count - 1] : NULL;
}

/* ---- facts that a section speaks of ---- */

struct telling {
    struct reader *reader;
    struct section *section;
    bool failed;
};

static void tell_mention(void *context, const char *name, bool in_code)
{
    struct telling *telling = context;
    struct section *s = telling->section;
    for (size_t i = 0; i < s->mention_count; i++) {
        if (strcmp(s->mentions[i].fact, name) == 0) {
            s->mentions[i].in_code = s->mentions[i].in_code && in_code;
            return;
        }
    }
    const char *copy = arena_text(&telling->reader->md->arena, name, strlen(name));
    struct mention *more = grow(s->mentions, s->mention_count, &s->mention_cap, sizeof *more);
    if (more != NULL)
        s->mentions = more;
    if (copy != NULL && more != NULL)
        more[s->mention_count++] = (struct mention){.fact = copy, .in_code = in_code};
    else
        telling->failed = true;
}

/* ---- blocks ---- */

/* The end of a paragraph, an item or a code block. The first paragraph of the file is its summary. */
static int close_block(struct reader *r)
{
    struct section *s = last_section(r->md);
    if (!r->open)
        return 0;
    r->open = false;
    char *text = arena_text(&r->md->arena, r->text.data, r->text.len);
    if (r->text.failed || text == NULL)
        return no_memory(r);
    if (s == NULL) {
        if (r->md->title == NULL)
            return fail(r, "the file begins with '# Title' and a paragraph");
        if (r->md->summary != NULL || r->block.kind != BLOCK_PARAGRAPH)
            return fail(r, "between the title and the first section stands one paragraph");
        r->md->summary = text;
        return 0;
    }
    struct telling telling = {.reader = r, .section = s};
    inline_mentions(text, r->block.kind == BLOCK_CODE, tell_mention, &telling);
    struct block *more = grow(s->blocks, s->block_count, &s->block_cap, sizeof *more);
    if (more != NULL)
        s->blocks = more;
    if (more == NULL || telling.failed)
        return no_memory(r);
    r->block.text = text;
    more[s->block_count++] = r->block;
    return 0;
}

static int open_block(struct reader *r, enum block_kind kind)
{
    const int failed = close_block(r);
    r->text.len = 0;
    r->block = (struct block){.kind = kind, .apart = r->apart};
    r->open = true;
    r->apart = false;
    return failed;
}

static bool ends_wide(const struct buf *text)
{
    ucs4_t uc = 0;
    const uint8_t *last = u8_prev(&uc, text->data + text->len, text->data);
    return last != NULL && uc_width(uc, "UTF-8") == 2;
}

static bool begins_wide(const char *text, size_t len)
{
    ucs4_t uc = 0;
    return len > 0 && u8_mbtoucr(&uc, (const uint8_t *)text, len) > 0 && uc_width(uc, "UTF-8") == 2;
}

/* A line's end is a space, but not between two characters of a script that has none. */
static void join(struct reader *r, const char *text, size_t len)
{
    if (r->text.len > 0 && !(ends_wide(&r->text) && begins_wide(text, len)))
        buf_char(&r->text, ' ');
    buf_append(&r->text, text, len);
}

/* "- " or "12. ": the length of it, else 0. */
static size_t bullet_len(const char *line, size_t len)
{
    size_t digits = 0;
    if (len > 2 && line[0] == '-' && line[1] == ' ')
        return 2;
    while (digits < len && line[digits] >= '0' && line[digits] <= '9')
        digits++;
    return digits > 0 && digits + 2 < len && line[digits] == '.' && line[digits + 1] == ' ' ? digits + 2 : 0;
}

/* "b) " or "else) ": the length of it, else 0. */
static size_t mark_len(const char *text, size_t len)
{
    if (len > 6 && memcmp(text, "else) ", 6) == 0)
        return 6;
    return len > 3 && text[0] >= 'a' && text[0] <= 'z' && text[1] == ')' && text[2] == ' ' ? 3 : 0;
}

static int read_item(struct reader *r, const char *line, size_t len, size_t bullet)
{
    const int failed = open_block(r, BLOCK_ITEM);
    const char *text = line + bullet;
    const size_t mark = line[0] == '-' ? mark_len(text, len - bullet) : 0;
    if (failed != 0)
        return failed;
    if (mark > 0) {
        r->block.mark = arena_text(&r->md->arena, text, mark - 2);
        r->block.bullet = arena_text(&r->md->arena, text, mark - 1);
    } else
        r->block.bullet = arena_text(&r->md->arena, line, bullet - 1);
    if (r->block.bullet == NULL)
        return no_memory(r);
    join(r, text + mark, len - bullet - mark);
    return 0;
}

/* ---- headings ---- */

static int read_title(struct reader *r, const char *line, size_t len)
{
    if (r->md->title != NULL || r->md->section_count > 0)
        return fail(r, "there is one title, at the beginning");
    r->md->title = arena_text(&r->md->arena, line + 2, len - 2);
    return r->md->title != NULL ? 0 : no_memory(r);
}

static bool is_id(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text[i]) == NULL)
            return false;
    }
    return len > 0;
}

/* "## Heading <!-- id -->" */
static int read_heading(struct reader *r, const char *line, size_t len)
{
    struct markdown *md = r->md;
    const char *open = memmem(line, len, "<!-- ", 5);
    const char *close = open != NULL ? memmem(open, len - (size_t)(open - line), " -->", 4) : NULL;
    if (close == NULL || close + 4 != line + len || open + 5 > close ||
        !is_id(open + 5, (size_t)(close - open - 5)))
        return fail(r, "a section is '## Heading <!-- id -->', its id of small letters, digits and -");
    if (md->title == NULL)
        return fail(r, "the title ('# Title') comes before the sections");
    size_t heading = (size_t)(open - line);
    while (heading > 3 && line[heading - 1] == ' ')
        heading--;
    const struct section section = {.id = arena_text(&md->arena, open + 5, (size_t)(close - open - 5)),
                                    .heading = arena_text(&md->arena, line + 3, heading - 3)};
    struct section *more = grow(md->sections, md->section_count, &md->section_cap, sizeof *more);
    if (more != NULL)
        md->sections = more;
    if (more == NULL || section.id == NULL || section.heading == NULL)
        return no_memory(r);
    if (markdown_has(md, section.id))
        return fail(r, "there is a section of this id already");
    more[md->section_count++] = section;
    return 0;
}

/* ---- lines ---- */

static bool next_line(struct reader *r, const char **line, size_t *len)
{
    if (r->at >= r->end)
        return false;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    const char *stop = newline != NULL ? newline : r->end;
    *line = r->at;
    *len = (size_t)(stop - r->at);
    r->at = newline != NULL ? newline + 1 : r->end;
    r->line++;
    while (*len > 0 && ((*line)[*len - 1] == '\r' || (*line)[*len - 1] == ' '))
        --*len;
    return true;
}

static bool is_fence(const char *line, size_t len)
{
    return len >= 3 && memcmp(line, "```", 3) == 0;
}

static int read_code(struct reader *r)
{
    const char *line;
    size_t len;
    int failed = open_block(r, BLOCK_CODE);
    while (failed == 0) {
        if (!next_line(r, &line, &len))
            return fail(r, "a code block (```) has no end");
        if (is_fence(line, len))
            return close_block(r);
        if (text_width(line, len) > CODE_COLUMNS)
            return fail(r, "a line of code is wider than 58 columns, which a narrow terminal has");
        buf_append(&r->text, line, len);
        buf_char(&r->text, '\n');
    }
    return failed;
}

static int read_line(struct reader *r, const char *line, size_t len)
{
    size_t blanks = 0;
    while (blanks < len && line[blanks] == ' ')
        blanks++;
    const size_t bullet = bullet_len(line + blanks, len - blanks);
    int failed = 0;
    if (len == 0) {
        r->apart = true;
        return close_block(r);
    }
    if (is_fence(line, len))
        return read_code(r);
    if (line[0] == '#') {
        failed = close_block(r);
        if (failed == 0 && len > 2 && line[1] == ' ')
            return read_title(r, line, len);
        if (failed == 0 && len > 3 && line[1] == '#' && line[2] == ' ')
            return read_heading(r, line, len);
        return failed != 0 ? failed : fail(r, "only '# ' and '## ' are known");
    }
    if (bullet > 0)
        return read_item(r, line + blanks, len - blanks, bullet);
    if (!r->open)
        failed = open_block(r, BLOCK_PARAGRAPH);
    if (failed == 0)
        join(r, line + blanks, len - blanks);
    return failed;
}

static bool has_controls(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return true;
    }
    return false;
}

static int read_all(struct reader *r)
{
    const char *line;
    size_t len;
    int failed = 0;
    if (u8_check((const uint8_t *)r->at, (size_t)(r->end - r->at)) != NULL)
        return sd_fail(r->err, EILSEQ, "%s is no UTF-8", r->md->name);
    while (failed == 0 && next_line(r, &line, &len))
        failed = has_controls(line, len) ? fail(r, "there is a tab or another control character")
                                         : read_line(r, line, len);
    if (failed == 0)
        failed = close_block(r);
    if (failed == 0 && (r->md->title == NULL || r->md->summary == NULL))
        failed = fail(r, "the file begins with '# Title' and a paragraph");
    return failed;
}

int markdown_parse(struct markdown **out, const char *text, size_t len, const char *name, struct sd_err *err)
{
    struct markdown *md = calloc(1, sizeof *md);
    struct reader r = {.md = md, .at = text, .end = text + len, .err = err};
    *out = NULL;
    if (md == NULL || (md->name = arena_text(&md->arena, name, strlen(name))) == NULL) {
        markdown_free(md);
        return sd_fail(err, ENOMEM, "%s: out of memory", name);
    }
    const int failed = read_all(&r);
    buf_free(&r.text);
    if (failed != 0)
        markdown_free(md);
    else
        *out = md;
    return failed;
}

void markdown_free(struct markdown *md)
{
    if (md == NULL)
        return;
    for (size_t i = 0; i < md->section_count; i++) {
        free(md->sections[i].blocks);
        free(md->sections[i].mentions);
    }
    free(md->sections);
    arena_free(&md->arena);
    free(md);
}

/* ---- asking ---- */

const char *markdown_name(const struct markdown *md)
{
    return md->name;
}

const char *markdown_title(const struct markdown *md)
{
    return md->title;
}

const char *markdown_summary(const struct markdown *md)
{
    return md->summary;
}

size_t markdown_section_count(const struct markdown *md)
{
    return md->section_count;
}

const char *markdown_section_id(const struct markdown *md, size_t index)
{
    return md->sections[index].id;
}

const struct section *section_find(const struct markdown *md, const char *id)
{
    for (size_t i = 0; i < md->section_count; i++) {
        if (strcmp(md->sections[i].id, id) == 0)
            return &md->sections[i];
    }
    return NULL;
}

bool markdown_has(const struct markdown *md, const char *section)
{
    return section_find(md, section) != NULL;
}

bool markdown_has_item(const struct markdown *md, const char *section, const char *mark)
{
    const struct section *s = section_find(md, section);
    for (size_t i = 0; s != NULL && i < s->block_count; i++) {
        if (s->blocks[i].mark != NULL && strcmp(s->blocks[i].mark, mark) == 0)
            return true;
    }
    return false;
}

const char *markdown_fact(const struct markdown *md, const char *section, size_t index, bool *in_code)
{
    const struct section *s = section_find(md, section);
    if (s == NULL || index >= s->mention_count)
        return NULL;
    *in_code = s->mentions[index].in_code;
    return s->mentions[index].fact;
}
