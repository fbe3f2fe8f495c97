#ifndef SOCKDIAG_CRAFT_BUILD_OPTIONS_H
#define SOCKDIAG_CRAFT_BUILD_OPTIONS_H

#include "base/buf.h"
#include "base/err.h"
#include "craft/layer.h"

/* Append the options in `value` in the field's style, with their padding. `start` is where their header
 * begins in `out`: padding and alignment count from there. 0, or -EINVAL with `err` filled where an option is
 * longer than its length can say. */
int craft_put_options(struct buf *out, const struct craft_field *field, const struct craft_value *value,
                      size_t start, struct sd_err *err);

/* Bytes of one address in a list of the styles CRAFT_OPTIONS_LIST and CRAFT_OPTIONS_GROUPS. */
size_t craft_option_item(const struct craft_field *field);

#endif
