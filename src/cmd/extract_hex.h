#ifndef SOCKDIAG_CMD_EXTRACT_HEX_H
#define SOCKDIAG_CMD_EXTRACT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Lines of hexadecimal digits, all of one length, so that the place of a byte in the text follows from its
 * offset and bytes can be written in any order:
 *
 * 0000000010  68 65 6c 6c 6f 20 77 6f  72 6c 64 0a              |hello world.    | */

#define HEX_BYTES 16
#define HEX_LINE 81 /* with its newline */
#define HEX_MAX_OFFSET (UINT64_C(1) << 40)

/* Line number `line` without a byte. */
void extract_hex_blank(char text[HEX_LINE], uint64_t line);

/* Put bytes at place `at` of their line; data NULL: zeros. */
void extract_hex_put(char text[HEX_LINE], size_t at, const uint8_t *data, size_t len);

#endif
