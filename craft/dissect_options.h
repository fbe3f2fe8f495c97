#ifndef SOCKDIAG_CRAFT_DISSECT_OPTIONS_H
#define SOCKDIAG_CRAFT_DISSECT_OPTIONS_H

#include "craft/dissect.h"

/* Where a list lies, counted from the first byte of its header. */
struct craft_option_area {
    const uint8_t *bytes; /* of the header */
    size_t at, end;       /* at: moved to where the list ends */
    int64_t most;         /* items that the header tells of; -1: it does not count them */
    bool bounded; /* `end` is that of the header: what is behind the last option belongs to it still */
};

/* Take the options of the field's style into `value`, which points into `room` and the bytes. What is no
 * whole option is one whose `length` is given and whose data goes up to the end. false: the header tells of
 * more items than there are, or than there is room for. */
bool craft_take_options(struct craft_option_area *area, struct craft_room *room,
                        const struct craft_field *field, struct craft_value *value);

#endif
