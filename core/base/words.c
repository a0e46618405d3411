/* Names and field names from clients. Any thread; owns nothing. */
#include "base/words.h"

#include <stdint.h>

#define FIELD_SHOWN 64

struct range {
    uint32_t first, last;
};

static const struct range DECEIVING[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200b, 0x200b}, {0x200e, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
};

/* Blank or without a width; the joiners among them belong to scripts and emoji. */
static const struct range INVISIBLE[] = {
    {0x20, 0x20},     {0xa0, 0xa0},     {0xad, 0xad},     {0x115f, 0x1160}, {0x1680, 0x1680},
    {0x2000, 0x200a}, {0x200c, 0x200d}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800},
    {0x3000, 0x3000}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xffa0, 0xffa0},
};

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

bool tb_name_is_good(const char *name, size_t max)
{
    size_t characters = 0;
    bool visible = false;
    for (const unsigned char *p = (const unsigned char *)name; *p; characters++) {
        uint32_t c = next_character(&p);
        if (in_ranges(DECEIVING, sizeof DECEIVING / sizeof *DECEIVING, c))
            return false;
        visible |= !in_ranges(INVISIBLE, sizeof INVISIBLE / sizeof *INVISIBLE, c);
    }
    return visible && characters <= max;
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
