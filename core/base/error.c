/* The table of error codes and the one function that fills an error. Any thread; owns nothing. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

struct code_row {
    const char *word;
    int status;
    bool retryable;
    const char *meaning;
};

static const struct code_row codes[] = {
#define X(name, word, status, retryable, meaning) [name] = {word, status, retryable, meaning},
    TB_CODES(X)
#undef X
};

/* A code outside the table can only be a bug of ours, so it reads as one. */
static const struct code_row *code_row(enum tb_code code)
{
    return (unsigned)code < TB_CODE_COUNT ? &codes[code] : &codes[TB_INTERNAL];
}

const char *tb_code_word(enum tb_code code)
{
    return code_row(code)->word;
}

int tb_code_http_status(enum tb_code code)
{
    return code_row(code)->status;
}

bool tb_code_retryable(enum tb_code code)
{
    return code_row(code)->retryable;
}

const char *tb_code_meaning(enum tb_code code)
{
    return code_row(code)->meaning;
}

/* A sentence cut inside a UTF-8 sequence would make the whole answer invalid JSON. */
static void drop_cut_sequence(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0u) == 0x80u) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0u ? 4 : lead >= 0xE0u ? 3 : lead >= 0xC0u ? 2 : 1;
    if (need > len - start + 1) {
        text[start - 1] = '\0';
    }
}

bool tb_fail(struct tb_error *err, enum tb_code code, const char *format, ...)
{
    if (err == NULL) {
        return false;
    }
    /* Formatted apart first: callers wrap an error with its own detail as an argument. */
    char detail[sizeof err->detail];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (len < 0) {
        detail[0] = '\0';
    } else if ((size_t)len >= sizeof detail) {
        drop_cut_sequence(detail);
    }
    err->code = code;
    err->upstream_status = 0;
    err->upstream_detail[0] = '\0';
    tb_copy(err->detail, sizeof err->detail, detail);
    return false;
}
