/* Names and field names from clients. Any thread; owns nothing. */
#include "base/words.h"

#include <stdint.h>

#define FIELD_SHOWN 64

struct range {
    uint32_t first, last;
};

/* Controls, blanks that are no space, what has no width, what reorders or hides its neighbours. */
static const struct range DECEIVING[] = {
    {0x00, 0x1f},       {0x7f, 0xa0},     {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},
    {0x115f, 0x1160},   {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200b},
    {0x200e, 0x200f},   {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000},
    {0x3164, 0x3164},   {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

/* Parts of scripts and emoji, seen only by what they do to the character before them. */
static const struct range JOINERS[] = {{0x200c, 0x200d}, {0xfe00, 0xfe0f}};

static bool in_ranges(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

/* The next character of valid UTF-8. */
static uint32_t next_character(const unsigned char **at)
{
    const unsigned char *p = *at;
    uint32_t c = *p++;
    if (c >= 0xc0)
        c &= c >= 0xf0 ? 0x07 : c >= 0xe0 ? 0x0f : 0x1f;
    while ((*p & 0xc0) == 0x80)
        c = c << 6 | (*p++ & 0x3fu);
    *at = p;
    return c;
}

const char *tb_name_fault(const char *name, size_t max)
{
    size_t characters = 0;
    uint32_t c = ' ', before;
    for (const unsigned char *p = (const unsigned char *)name; *p; characters++) {
        before = c;
        c = next_character(&p);
        bool joiner = in_ranges(JOINERS, sizeof JOINERS / sizeof *JOINERS, c);
        if (in_ranges(DECEIVING, sizeof DECEIVING / sizeof *DECEIVING, c) ||
            (joiner && before < 0x80))
            return "holds a character that cannot be seen, or not be told from a space";
        if (c == ' ' && characters == 0)
            return "begins with a space";
    }
    return characters == 0    ? "is empty"
           : characters > max ? "is too long"
           : c == ' '         ? "ends with a space"
                              : NULL;
}

void tb_pointer_add(struct tb_buffer *out, const char *field)
{
    tb_buffer_putc(out, '/');
    for (size_t i = 0; field[i]; i++) {
        if (i >= FIELD_SHOWN && ((unsigned char)field[i] & 0xc0) != 0x80)
            return;
        if (field[i] == '~')
            tb_buffer_puts(out, "~0");
        else if (field[i] == '/')
            tb_buffer_puts(out, "~1");
        else
            tb_buffer_putc(out, field[i]);
    }
}
