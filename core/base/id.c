/* Identifiers and random bytes. Any thread; owns the last ULID, behind a mutex. */
#include "base/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/random.h>

#include "base/clock.h"

#define ULID_RANDOM 10 /* bytes behind the 48 bits of time */
#define SLUG_MAX    (TB_SLUG_TEXT - 1)

static pthread_mutex_t ulid_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t ulid_ms;
static unsigned char ulid_random[ULID_RANDOM];

void tb_random_bytes(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            static const char message[] =
                "trading-bridge: the kernel gives no random bytes (getrandom failed); without "
                "them no token or nonce is safe, so the process ends here.\n";
            if (write(STDERR_FILENO, message, sizeof message - 1) < 0) {
                /* Nobody listens; the end is the same. */
            }
            abort();
        }
    }
}

uint64_t tb_random_u64(void)
{
    uint64_t value;
    tb_random_bytes(&value, sizeof value);
    return value;
}

/* Adds one to the random part; false when it wrapped round. */
static bool ulid_count_up(void)
{
    for (int i = ULID_RANDOM - 1; i >= 0; i--) {
        ulid_random[i]++;
        if (ulid_random[i] != 0) {
            return true;
        }
    }
    return false;
}

/* The next 128 bits. A clock that stands or went back keeps the last time and counts. */
static void ulid_next(unsigned char out[16])
{
    int64_t wall = tb_wall_ms();
    uint64_t now = wall > 0 ? (uint64_t)wall : 0;
    pthread_mutex_lock(&ulid_lock);
    if (now > ulid_ms || !ulid_count_up()) {
        ulid_ms = now > ulid_ms ? now : ulid_ms + 1;
        tb_random_bytes(ulid_random, sizeof ulid_random);
    }
    for (int i = 0; i < 6; i++) {
        out[i] = (unsigned char)(ulid_ms >> (40 - 8 * i) & 255);
    }
    memcpy(out + 6, ulid_random, ULID_RANDOM);
    pthread_mutex_unlock(&ulid_lock);
}

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool tb_ulid_is(const char *text)
{
    return text[0] <= '7' && strlen(text) == TB_ULID_TEXT - 1 &&
           strspn(text, crockford) == TB_ULID_TEXT - 1;
}

void tb_ulid(char out[TB_ULID_TEXT])
{
    unsigned char bytes[16];
    ulid_next(bytes);
    /* 26 characters are 130 bits: the first character holds only three. */
    unsigned bits = 0;
    unsigned held = 2;
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bits = (bits << 8 | bytes[i]) & 0xFFFFu;
        held += 8;
        while (held >= 5) {
            held -= 5;
            out[at++] = crockford[bits >> held & 31];
        }
    }
    out[at] = '\0';
}

void tb_nonce(char out[TB_NONCE_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[(TB_NONCE_TEXT - 1) / 2];
    tb_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
    out[TB_NONCE_TEXT - 1] = '\0';
}

void tb_token(char out[TB_TOKEN_TEXT])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[32];
    tb_random_bytes(bytes, sizeof bytes);
    memcpy(out, "tb_", 3);
    size_t at = 3;
    unsigned bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bits = (bits << 8 | bytes[i]) & 0xFFFFu;
        held += 8;
        while (held >= 6) {
            held -= 6;
            out[at++] = alphabet[bits >> held & 63];
        }
    }
    out[at++] = alphabet[bits << (6 - held) & 63];
    out[at] = '\0';
    explicit_bzero(bytes, sizeof bytes);
}

void tb_slug(const char *name, char out[TB_SLUG_TEXT])
{
    size_t len = 0;
    bool gap = false;
    for (; *name != '\0'; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
            gap = len > 0;
            continue;
        }
        /* A '-' is written only together with what follows it, so none can end the slug. */
        if (len + (gap ? 2 : 1) > SLUG_MAX) {
            break;
        }
        if (gap) {
            out[len++] = '-';
            gap = false;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    if (len == 0) {
        memcpy(out, "bot", sizeof "bot");
    }
}
