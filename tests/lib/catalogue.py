"""Catalogues of gettext, as the tests need them: what stands in a .po, and a .mo made of it."""

import ast
import re
import subprocess

FIELD = re.compile(r'(msgid_plural|msgid|msgstr(?:\[\d+\])?) (".*")$')


def parse(path):
    """The entries of a .po or .pot as {field: text, "flags": set}; the head has an empty msgid."""
    entries = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry, field = {"flags": set()}, None
        for line in block.splitlines():
            match = FIELD.match(line)
            if line.startswith("#,"):
                entry["flags"] |= {flag.strip() for flag in line[2:].split(",")}
            elif match:
                field = match[1]
                entry[field] = ast.literal_eval(match[2])
            elif line.startswith('"') and field:
                entry[field] += ast.literal_eval(line)
        if "msgid" in entry:
            entries.append(entry)
    return entries


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def write_po(path, language, entries, translate):
    """A catalogue in which translate(msgid) stands for every text."""
    lines = ['msgid ""', 'msgstr ""', f'"Language: {language}\\n"', '"Content-Type: text/plain; charset=UTF-8\\n"',
             '"Plural-Forms: nplurals=1; plural=0;\\n"', ""]
    for entry in entries:
        flags = sorted(flag for flag in entry["flags"] if "format" in flag)
        lines += [f"#, {', '.join(flags)}"] if flags else []
        lines += [f"msgid {quoted(entry['msgid'])}"]
        if "msgid_plural" in entry:
            lines += [f"msgid_plural {quoted(entry['msgid_plural'])}",
                      f"msgstr[0] {quoted(translate(entry['msgid_plural']))}", ""]
        else:
            lines += [f"msgstr {quoted(translate(entry['msgid']))}", ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def compile_mo(po, folder):
    """FOLDER/LC_MESSAGES/sockdiag.mo of a .po."""
    target = folder / "LC_MESSAGES"
    target.mkdir(parents=True)
    subprocess.run(["msgfmt", "-o", str(target / "sockdiag.mo"), str(po)], check=True)
