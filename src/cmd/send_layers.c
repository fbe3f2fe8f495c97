#include <inttypes.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/send.h"
#include "view/prose.h"

/* --layers: what an expression may name, out of the tables that it is parsed by. */

#define INDENT 4

static void put_default(struct buf *out, const struct craft_field *field)
{
    const struct craft_value value = {.given = true, .number = field->value};
    if ((field->fill == CRAFT_FILL_VALUE || field->fill == CRAFT_FILL_TYPE ||
         field->fill == CRAFT_FILL_HOPS) &&
        (field->kind == CRAFT_NUMBER || field->kind == CRAFT_FLAGS) && field->value != 0) {
        buf_char(out, '=');
        craft_value_print(field, &value, out);
    }
}

static void put_options(struct buf *out, const struct craft_field *field)
{
    buf_text(out, "=[");
    for (const struct craft_option_type *o = field->options; o != NULL && o->name != NULL; o++)
        buf_printf(out, "%s%s", o == field->options ? "" : " ", o->name);
    buf_char(out, ']');
}

static void put_layer(struct buf *out, const struct craft_layer_type *type, unsigned columns)
{
    struct buf text = {0};
    buf_printf(out, "%s  %s\n", type->name, type->title);
    for (int f = 0; f < type->field_count; f++) {
        const struct craft_field *field = &type->fields[f];
        buf_text(&text, f > 0 ? ", " : "");
        buf_text(&text, field->name);
        if (field->kind == CRAFT_OPTIONS)
            put_options(&text, field);
        else
            put_default(&text, field);
    }
    for (unsigned i = 0; i < INDENT; i++)
        buf_char(out, ' ');
    prose_wrap(out, buf_cstr(&text), INDENT, INDENT, columns);
    out->failed |= text.failed;
    buf_free(&text);
}

int send_layers(struct send *send)
{
    size_t count = 0;
    const struct craft_layer_type *const *layers = craft_layers(&count);
    for (size_t i = 0; i < count; i++)
        put_layer(&send->out, layers[i], send->style.columns < 100 ? send->style.columns : 100);
    return send_flush(send) == 0 ? CMD_OK : CMD_ERROR;
}
