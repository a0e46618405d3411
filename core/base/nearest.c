/* Edit distance over short words, for "did you mean". Any thread; owns nothing. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool differs = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            size_t up = row[j];
            row[j] = least(diagonal + (differs ? 1 : 0), up + 1, row[j - 1] + 1);
            diagonal = up;
        }
    }
    return row[b_len];
}

const char *tb_nearest(const char *word, const char *const *words)
{
    size_t len = strlen(word);
    size_t limit = len / 3 > 2 ? len / 3 : 2;
    const char *best = NULL;
    if (len > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        size_t other = strlen(*words);
        size_t d = other <= WORD_MAX ? distance(word, len, *words, other) : WORD_MAX;
        /* A word of which every letter changed is another word. */
        if (d <= limit && d < len) {
            limit = d - (d > 0);
            best = *words;
            if (d == 0)
                break;
        }
    }
    return best;
}
