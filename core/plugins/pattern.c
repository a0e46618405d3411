/* Lua's patterns with the results of Lua 5.4 and two differences that no result shows: a match
 * remembers its open choices in a fixed array instead of recursing, and every look at a character
 * is a step out of a budget that the caller sets, so that no pattern runs longer than it may.
 *
 * A pattern has no repeated groups, so the number of open choices never exceeds its items; the
 * subject's length costs no space. Errors in a pattern are found when the match gets there, as Lua
 * does, and are texts, not raises. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "plugins/pattern.h"

enum choice_kind {
    ONE_LESS,     /* after `*` and `+`: give one character back */
    ONE_MORE,     /* after `-`: take one character more */
    NONE,         /* after `?`: do without */
    FORGET_START, /* undo the start of the last capture */
    REOPEN,       /* undo the end of a capture */
};

/* So many steps are far below a millisecond. */
enum { TICK_STEPS = 4096 };

static bool bad(struct tb_pattern *m, const char *what)
{
    if (!m->error[0])
        (void)snprintf(m->error, sizeof m->error, "%s", what);
    return false;
}

bool tb_pattern_spend(struct tb_pattern *m, size_t steps)
{
    int64_t before = m->steps;
    m->steps -= (int64_t)steps;
    if (m->steps <= 0)
        return bad(m, "the pattern takes too many steps on this text");
    if (m->tick && before / TICK_STEPS != m->steps / TICK_STEPS)
        m->tick(m->owner);
    return true;
}

static int byte_at(const struct tb_pattern *m, size_t at)
{
    return (unsigned char)m->text[at];
}

static bool text_is(const struct tb_pattern *m, size_t at, char c)
{
    return at < m->len && m->text[at] == c;
}

/* ---- single characters ---- */

/* Position after the set that begins at '['; a first ']' is one of its characters. */
static bool set_end(struct tb_pattern *m, size_t item, size_t *end_out)
{
    size_t at = item + 1;
    *end_out = at;
    at += text_is(m, at, '^');
    do {
        if (at >= m->len)
            return bad(m, "malformed pattern (missing ']')");
        at += m->text[at] == '%' && at + 1 < m->len ? 2 : 1;
    } while (!text_is(m, at, ']'));
    *end_out = at + 1;
    return true;
}

/* Position after the single-character class at `item`. */
static bool item_end(struct tb_pattern *m, size_t item, size_t *end_out)
{
    if (m->text[item] == '[')
        return set_end(m, item, end_out) && tb_pattern_spend(m, *end_out - item);
    if (m->text[item] == '%' && item + 1 >= m->len)
        return bad(m, "malformed pattern (ends with '%')");
    *end_out = item + (m->text[item] == '%' ? 2 : 1);
    return true;
}

static bool in_class(int c, int class)
{
    bool in;
    switch (tolower(class)) {
    case 'a':
        in = isalpha(c) != 0;
        break;
    case 'c':
        in = iscntrl(c) != 0;
        break;
    case 'd':
        in = isdigit(c) != 0;
        break;
    case 'g':
        in = isgraph(c) != 0;
        break;
    case 'l':
        in = islower(c) != 0;
        break;
    case 'p':
        in = ispunct(c) != 0;
        break;
    case 's':
        in = isspace(c) != 0;
        break;
    case 'u':
        in = isupper(c) != 0;
        break;
    case 'w':
        in = isalnum(c) != 0;
        break;
    case 'x':
        in = isxdigit(c) != 0;
        break;
    case 'z':
        in = c == '\0';
        break;
    default:
        return class == c;
    }
    return isupper(class) ? !in : in;
}

/* Is c in the set text[item] '[' … ']' text[end - 1]? */
static bool in_set(const struct tb_pattern *m, int c, size_t item, size_t end)
{
    size_t at = item + 1, last = end - 1;
    bool found = false, inverse = text_is(m, at, '^');
    for (at += inverse; at < last && !found; at++) {
        if (m->text[at] == '%') {
            at++;
            found = in_class(c, byte_at(m, at));
        } else if (at + 2 < last && m->text[at + 1] == '-') {
            found = byte_at(m, at) <= c && c <= byte_at(m, at + 2);
            at += 2;
        } else {
            found = byte_at(m, at) == c;
        }
    }
    return found != inverse;
}

/* Does the class text[item..end) match subject[at]? A step, and one more for each byte of a set. */
static bool fits(struct tb_pattern *m, size_t at, size_t item, size_t end)
{
    if (at >= m->subject_len || !tb_pattern_spend(m, end - item))
        return false;
    int c = (unsigned char)m->subject[at];
    switch (m->text[item]) {
    case '.':
        return true;
    case '%':
        return in_class(c, byte_at(m, item + 1));
    case '[':
        return in_set(m, c, item, end);
    default:
        return byte_at(m, item) == c;
    }
}

/* ---- choices ---- */

static bool remember(struct tb_pattern *m, struct tb_pattern_choice choice)
{
    if (m->choices == TB_PATTERN_CHOICES)
        return bad(m, "pattern too complex");
    m->choice[m->choices++] = choice;
    return true;
}

/* Takes the next way of the latest choice that has one; false when none is left. */
static bool go_back(struct tb_pattern *m, size_t *at, size_t *item)
{
    while (m->choices > 0 && !m->error[0]) {
        struct tb_pattern_choice *c = &m->choice[m->choices - 1];
        bool another = false;
        switch ((enum choice_kind)c->kind) {
        case FORGET_START:
            m->captures--;
            break;
        case REOPEN:
            m->capture[c->more].len = TB_PATTERN_OPEN;
            break;
        case NONE:
            *at = c->at;
            *item = c->next + 1;
            m->choices--;
            return true;
        case ONE_LESS:
            another = c->more > 0;
            c->more -= another;
            break;
        case ONE_MORE:
            another = fits(m, c->at, c->item, c->next);
            c->at += another;
            break;
        }
        if (another) {
            *at = c->at + c->more;
            *item = c->next + 1;
            return tb_pattern_spend(m, 1);
        }
        m->choices--;
    }
    return false;
}

/* ---- items ---- */

static bool open_capture(struct tb_pattern *m, size_t *at, size_t *item)
{
    bool position = text_is(m, *item + 1, ')');
    if (m->captures == TB_PATTERN_CAPTURES)
        return bad(m, "too many captures");
    m->capture[m->captures].start = *at;
    m->capture[m->captures++].len = position ? TB_PATTERN_POSITION : TB_PATTERN_OPEN;
    *item += position ? 2 : 1;
    return remember(m, (struct tb_pattern_choice){.kind = FORGET_START});
}

static bool close_capture(struct tb_pattern *m, size_t *at, size_t *item)
{
    for (unsigned i = m->captures; i-- > 0;) {
        if (m->capture[i].len != TB_PATTERN_OPEN)
            continue;
        m->capture[i].len = (ptrdiff_t)(*at - m->capture[i].start);
        *item += 1;
        return remember(m, (struct tb_pattern_choice){.kind = REOPEN, .more = i});
    }
    return bad(m, "invalid pattern capture");
}

/* %bxy */
static bool balance(struct tb_pattern *m, size_t *at, size_t *item)
{
    if (*item + 3 >= m->len)
        return bad(m, "malformed pattern (missing arguments to '%b')");
    char open = m->text[*item + 2], close = m->text[*item + 3];
    if (*at >= m->subject_len || m->subject[*at] != open)
        return false;
    size_t depth = 1;
    for (size_t i = *at + 1; i < m->subject_len && tb_pattern_spend(m, 1); i++) {
        if (m->subject[i] == close)
            depth--;
        else if (m->subject[i] == open)
            depth++;
        if (depth == 0) {
            *at = i + 1;
            *item += 4;
            return true;
        }
    }
    return false;
}

/* %f[set] */
static bool frontier(struct tb_pattern *m, const size_t *at, size_t *item)
{
    size_t set = *item + 2, end;
    if (!text_is(m, set, '['))
        return bad(m, "missing '[' after '%f' in pattern");
    if (!item_end(m, set, &end) || !tb_pattern_spend(m, end - set))
        return false;
    int before = *at == 0 ? '\0' : (unsigned char)m->subject[*at - 1];
    int here = *at == m->subject_len ? '\0' : (unsigned char)m->subject[*at];
    *item = end;
    return !in_set(m, before, set, end) && in_set(m, here, set, end);
}

/* %1 to %9: the same text again. */
static bool same_again(struct tb_pattern *m, size_t *at, size_t *item)
{
    unsigned number = (unsigned)(m->text[*item + 1] - '1');
    if (number >= m->captures || m->capture[number].len == TB_PATTERN_OPEN) {
        char words[40];
        (void)snprintf(words, sizeof words, "invalid capture index %%%d", (int)number + 1);
        return bad(m, words);
    }
    /* Lua compares a position capture as a text of an impossible length: it never matches. */
    if (m->capture[number].len < 0)
        return false;
    size_t len = (size_t)m->capture[number].len;
    if (len > m->subject_len - *at || !tb_pattern_spend(m, len + 1) ||
        memcmp(m->subject + m->capture[number].start, m->subject + *at, len) != 0)
        return false;
    *at += len;
    *item += 2;
    return true;
}

/* `*`, `+`, of which the first fits: all that fit; every shorter number is a choice. */
static bool take_most(struct tb_pattern *m, size_t *at, size_t *item, size_t end, size_t least)
{
    struct tb_pattern_choice c = {
        .kind = ONE_LESS, .at = *at + least, .more = 1 - least, .item = *item, .next = end};
    while (fits(m, c.at + c.more, *item, end))
        c.more++;
    *at = c.at + c.more;
    *item = end + 1;
    return !m->error[0] && remember(m, c);
}

/* A single character with what follows it. */
static bool single(struct tb_pattern *m, size_t *at, size_t *item)
{
    size_t end;
    if (!item_end(m, *item, &end))
        return false;
    char suffix = end < m->len ? m->text[end] : '\0';
    bool may_be_absent = suffix == '*' || suffix == '?' || suffix == '-';
    if (!fits(m, *at, *item, end)) {
        *item = end + 1;
        return may_be_absent && !m->error[0];
    }
    struct tb_pattern_choice c = {.at = *at, .item = *item, .next = end};
    switch (suffix) {
    case '*':
        return take_most(m, at, item, end, 0);
    case '+':
        return take_most(m, at, item, end, 1);
    case '-':
        c.kind = ONE_MORE;
        *item = end + 1;
        return remember(m, c);
    case '?':
        c.kind = NONE;
        *item = end + 1;
        *at += 1;
        return remember(m, c);
    default:
        *item = end;
        *at += 1;
        return true;
    }
}

/* One item of the pattern at the place; false: it does not match here. */
static bool step(struct tb_pattern *m, size_t *at, size_t *item)
{
    char next = *item + 1 < m->len ? m->text[*item + 1] : '\0';
    switch (m->text[*item]) {
    case '(':
        return open_capture(m, at, item);
    case ')':
        return close_capture(m, at, item);
    case '$':
        if (*item + 1 != m->len)
            return single(m, at, item);
        *item += 1;
        return *at == m->subject_len;
    case '%':
        if (next == 'b')
            return balance(m, at, item);
        if (next == 'f')
            return frontier(m, at, item);
        if (isdigit((unsigned char)next))
            return same_again(m, at, item);
        return single(m, at, item);
    default:
        return single(m, at, item);
    }
}

enum tb_pattern_result tb_pattern_match(struct tb_pattern *m, size_t at, size_t from,
                                        size_t *end_out)
{
    size_t item = from;
    m->captures = m->choices = 0;
    m->error[0] = '\0';
    if (!tb_pattern_spend(m, 1))
        return TB_PATTERN_BAD;
    while (item < m->len) {
        if (!step(m, &at, &item) && (m->error[0] || !go_back(m, &at, &item)))
            return m->error[0] ? TB_PATTERN_BAD : TB_PATTERN_NO;
    }
    *end_out = at;
    return TB_PATTERN_YES;
}
