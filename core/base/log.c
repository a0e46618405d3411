/* The log and the list of values it must never show. Any thread.
 *
 * Owns the registered secrets (kept until the process ends: an old key is still a secret) behind a
 * read-write lock that is held only while a text is searched. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"

#define SECRET_MIN      4
#define MESSAGE_MAX     8192 /* bytes of one message; what is longer is cut and says so */
#define BLOT            "***"
#define BASE64_VARIANTS 3

struct secret {
    char *value;
    size_t len;
    /* What any base64 text that contains the value must contain, by the value's position in it
     * modulo 3: the characters all of whose six bits come from the value. */
    char *core[BASE64_VARIANTS];
    size_t core_len[BASE64_VARIANTS];
};

static const char *const level_words[] = {"debug", "info", "warn", "error"};

static atomic_int log_fd = STDERR_FILENO;
static atomic_bool log_json;
static atomic_int log_level = TB_INFO;

static pthread_rwlock_t secrets_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct secret *secrets;
static size_t secret_count;

/* ---- settings ---- */

static bool read_level(const char *word, enum tb_log_level *out)
{
    for (size_t i = 0; i < sizeof level_words / sizeof level_words[0]; i++) {
        if (strcmp(word, level_words[i]) == 0) {
            *out = (enum tb_log_level)i;
            return true;
        }
    }
    return false;
}

bool tb_log_configure(const char *spec, struct tb_error *err)
{
    const char *text = spec != NULL ? spec : "text";
    const char *comma = strchr(text, ',');
    size_t form = comma != NULL ? (size_t)(comma - text) : strlen(text);
    bool json = form == 4 && memcmp(text, "json", 4) == 0;
    enum tb_log_level level = TB_INFO;
    if ((!json && !(form == 4 && memcmp(text, "text", 4) == 0)) ||
        (comma != NULL && !read_level(comma + 1, &level))) {
        return tb_fail(err, TB_INVALID,
                       "The log setting is '%.40s'; write text or json, and after a comma, if you "
                       "like, one of debug, info, warn, error (for example text,debug).",
                       text);
    }
    atomic_store(&log_json, json);
    atomic_store(&log_level, (int)level);
    return true;
}

void tb_log_to_fd(int fd)
{
    atomic_store(&log_fd, fd);
}

/* ---- secrets ---- */

static void make_core(struct secret *secret, size_t before)
{
    struct tb_buffer padded = TB_BUFFER_INIT;
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_append(&padded, "\0\0", before);
    tb_buffer_append(&padded, secret->value, secret->len);
    tb_base64_append(&text, padded.data, padded.len);
    size_t first = (before * 8 + 5) / 6;
    size_t last = padded.len * 8 / 6;
    secret->core_len[before] = last - first;
    secret->core[before] = tb_xstrndup(text.data + first, last - first);
    explicit_bzero(padded.data, padded.len);
    tb_buffer_free(&padded);
    tb_buffer_free(&text);
}

void tb_log_secret(const char *value)
{
    size_t len = strlen(value);
    if (len < SECRET_MIN) {
        return;
    }
    pthread_rwlock_wrlock(&secrets_lock);
    for (size_t i = 0; i < secret_count; i++) {
        if (strcmp(secrets[i].value, value) == 0) {
            pthread_rwlock_unlock(&secrets_lock);
            return;
        }
    }
    secrets = tb_xrealloc(secrets, (secret_count + 1) * sizeof *secrets);
    struct secret *secret = &secrets[secret_count++];
    *secret = (struct secret){.value = tb_xstrdup(value), .len = len};
    for (size_t before = 0; before < BASE64_VARIANTS; before++) {
        make_core(secret, before);
    }
    pthread_rwlock_unlock(&secrets_lock);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Length of the text at `at` that stands for the byte c: itself, %XX, '+' for a space (forms), or
 * a backslash before it (JSON and shell quoting); 0 when it stands for something else. */
static size_t match_byte(const char *at, char c)
{
    if (at[0] == '%' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0 &&
        (char)(hex_value(at[1]) * 16 + hex_value(at[2])) == c) {
        return 3;
    }
    if (at[0] == '\\' && at[1] == c && (c == '"' || c == '\\' || c == '/')) {
        return 2;
    }
    return at[0] == c || (at[0] == '+' && c == ' ') ? 1 : 0;
}

static size_t match_encoded(const char *at, const struct secret *secret)
{
    size_t used = 0;
    for (size_t i = 0; i < secret->len; i++) {
        size_t n = match_byte(at + used, secret->value[i]);
        if (n == 0) {
            return 0;
        }
        used += n;
    }
    return used;
}

/* The standard character for one of either base64 alphabet; NUL for any other. */
static char base64_character(char c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
        c == '/') {
        return c;
    }
    return c == '-' ? '+' : c == '_' ? '/' : '\0';
}

static bool run_contains(const char *run, size_t len, const char *core, size_t core_len)
{
    for (size_t i = 0; i + core_len <= len; i++) {
        size_t same = 0;
        while (same < core_len && base64_character(run[i + same]) == core[same]) {
            same++;
        }
        if (same == core_len) {
            return true;
        }
    }
    return false;
}

/* Length of the whole base64 text that starts here if it hides a secret, else 0. */
static size_t match_base64_run(const char *run)
{
    size_t len = 0;
    while (base64_character(run[len]) != '\0') {
        len++;
    }
    for (size_t i = 0; i < secret_count; i++) {
        for (size_t v = 0; v < BASE64_VARIANTS; v++) {
            if (run_contains(run, len, secrets[i].core[v], secrets[i].core_len[v])) {
                while (run[len] == '=') {
                    len++;
                }
                return len;
            }
        }
    }
    return 0;
}

/* Length of the longest secret that starts at text[at], in any of its forms; 0 for none. */
static size_t secret_at(const char *text, size_t at)
{
    size_t longest = 0;
    for (size_t i = 0; i < secret_count; i++) {
        size_t plain =
            strncmp(text + at, secrets[i].value, secrets[i].len) == 0 ? secrets[i].len : 0;
        size_t encoded = match_encoded(text + at, &secrets[i]);
        size_t len = plain > encoded ? plain : encoded;
        longest = len > longest ? len : longest;
    }
    bool run_starts =
        base64_character(text[at]) != '\0' && (at == 0 || base64_character(text[at - 1]) == '\0');
    size_t run = run_starts ? match_base64_run(text + at) : 0;
    return run > longest ? run : longest;
}

void tb_redact(struct tb_buffer *out, const char *text)
{
    pthread_rwlock_rdlock(&secrets_lock);
    size_t copied = 0;
    for (size_t at = 0; text[at] != '\0';) {
        size_t end = at + secret_at(text, at);
        if (end == at) {
            at++;
            continue;
        }
        tb_buffer_append(out, text + copied, at - copied);
        tb_buffer_puts(out, BLOT);
        /* A second secret may begin inside the first and reach beyond it. */
        for (; at < end; at++) {
            size_t other = at + secret_at(text, at);
            end = other > end ? other : end;
        }
        copied = at;
    }
    tb_buffer_puts(out, text + copied);
    pthread_rwlock_unlock(&secrets_lock);
}

/* ---- control characters ---- */

struct range {
    uint32_t first;
    uint32_t last;
};

/* C0; DEL and C1; line and paragraph separator with the characters that reverse the reading
 * direction, which let a text show something else than it says. */
static const struct range unsafe_characters[] = {
    {0x00, 0x1F}, {0x7F, 0x9F}, {0x2028, 0x202E}, {0x2066, 0x2069}};

/* Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. */
static size_t utf8_decode(const unsigned char *at, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80 ? 1 : at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    uint32_t code = len == 1 ? at[0] : at[0] & (0xFFu >> (len + 1));
    if (at[0] >= 0xF8 || (at[0] >= 0x80 && at[0] < 0xC0)) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3Fu);
    }
    if (code < smallest[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return 0;
    }
    *out = code;
    return len;
}

static bool is_unsafe(uint32_t code)
{
    for (size_t i = 0; i < sizeof unsafe_characters / sizeof unsafe_characters[0]; i++) {
        if (code >= unsafe_characters[i].first && code <= unsafe_characters[i].last) {
            return true;
        }
    }
    return false;
}

/* Bytes that are no UTF-8 are escaped too: 0x9B alone is a terminal's escape sequence. */
void tb_escape_control(struct tb_buffer *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        uint32_t code = 0;
        size_t len = utf8_decode(at, &code);
        if (len != 0 && !is_unsafe(code)) {
            tb_buffer_append(out, at, len);
            at += len;
            continue;
        }
        for (size_t i = 0; i < (len != 0 ? len : 1); i++) {
            tb_buffer_printf(out, "\\x%02x", at[i]);
        }
        at += len != 0 ? len : 1;
    }
}

/* ---- lines ---- */

/* `text` has been through tb_escape_control, so only these two characters are left to quote. */
static void append_quoted(struct tb_buffer *line, const char *text)
{
    tb_buffer_putc(line, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            tb_buffer_putc(line, '\\');
        }
        tb_buffer_putc(line, *text);
    }
    tb_buffer_putc(line, '"');
}

static void append_line(struct tb_buffer *line, enum tb_log_level level, const char *event,
                        const char *message)
{
    char time[TB_TIME_TEXT];
    tb_time_format(tb_wall_ms(), time);
    if (!atomic_load(&log_json)) {
        tb_buffer_printf(line, "%s %-5s %s: %s\n", time, level_words[level], event, message);
        return;
    }
    tb_buffer_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time,
                     level_words[level]);
    append_quoted(line, event);
    tb_buffer_puts(line, ",\"message\":");
    append_quoted(line, message);
    tb_buffer_puts(line, "}\n");
}

/* Redacts before it cuts: half a secret at the end would not be recognised any more. */
static void clean_message(struct tb_buffer *out, const char *raw)
{
    struct tb_buffer shown = TB_BUFFER_INIT;
    tb_redact(&shown, raw);
    size_t len = shown.len;
    if (len > MESSAGE_MAX) {
        len = MESSAGE_MAX;
        while (len > 0 && ((unsigned char)shown.data[len] & 0xC0u) == 0x80u) {
            len--;
        }
        shown.data[len] = '\0';
    }
    tb_escape_control(out, tb_buffer_text(&shown));
    if (len < shown.len) {
        tb_buffer_printf(out, " … (%zu bytes more)", shown.len - len);
    }
    tb_buffer_free(&shown);
}

/* A log that cannot be written is no reason to stop trading, so errors end here. */
static void write_line(const struct tb_buffer *line)
{
    int fd = atomic_load(&log_fd);
    size_t done = 0;
    while (done < line->len) {
        ssize_t n = write(fd, line->data + done, line->len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            return;
        }
    }
}

void tb_log(enum tb_log_level level, const char *event, const char *format, ...)
{
    if ((int)level < atomic_load(&log_level)) {
        return;
    }
    int saved_errno = errno;
    struct tb_buffer raw = TB_BUFFER_INIT;
    struct tb_buffer message = TB_BUFFER_INIT;
    struct tb_buffer line = TB_BUFFER_INIT;
    va_list args;
    va_start(args, format);
    tb_buffer_vprintf(&raw, format, args);
    va_end(args);
    clean_message(&message, tb_buffer_text(&raw));
    append_line(&line, level, event, tb_buffer_text(&message));
    write_line(&line);
    tb_buffer_free(&raw);
    tb_buffer_free(&message);
    tb_buffer_free(&line);
    errno = saved_errno;
}
