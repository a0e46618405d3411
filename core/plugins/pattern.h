/* Lua's patterns, matched in bounded time and space: see pattern.c. Any thread; a matcher is used
 * by one at a time. */
#ifndef TB_PLUGINS_PATTERN_H
#define TB_PLUGINS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_PATTERN_CAPTURES 32
/* Open choices at once: what Lua 5.4 allows, so that "too complex" means the same here. */
#define TB_PATTERN_CHOICES 199

enum tb_pattern_result { TB_PATTERN_NO, TB_PATTERN_YES, TB_PATTERN_BAD };

/* A capture's length when it is no text. */
enum { TB_PATTERN_OPEN = -1, TB_PATTERN_POSITION = -2 };

struct tb_pattern_choice {
    uint8_t kind;
    size_t at;   /* in the subject */
    size_t more; /* further characters the item took; for a capture: its number */
    size_t item, next;
};

struct tb_pattern {
    const char *subject;
    size_t subject_len;
    const char *text;
    size_t len;
    int64_t steps;             /* left; at 0 the match ends as TB_PATTERN_BAD */
    void (*tick)(void *owner); /* now and then; may leave by longjmp, nothing is held */
    void *owner;
    char error[80];
    unsigned captures;
    struct {
        size_t start;
        ptrdiff_t len;
    } capture[TB_PATTERN_CAPTURES];
    unsigned choices;
    struct tb_pattern_choice choice[TB_PATTERN_CHOICES];
};

/* Does the pattern from text[from] on match at subject[at], and up to where? */
enum tb_pattern_result tb_pattern_match(struct tb_pattern *m, size_t at, size_t from,
                                        size_t *end_out);
/* Takes steps from the budget for work of the caller; false, with the error set, when it is used
 * up. */
bool tb_pattern_spend(struct tb_pattern *m, size_t steps);

#endif
