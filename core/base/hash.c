/* SHA-256 and constant-time comparison by libcrypto; base64, strict in reading. Any thread; owns
 * nothing. */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tb_sha256_hex(const void *bytes, size_t len, char out[TB_SHA256_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    /* It fails only without memory or without the algorithm; a made-up digest would be worse. */
    if (SHA256(len != 0 ? bytes : "", len, digest) == NULL) {
        abort();
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[TB_SHA256_TEXT - 1] = '\0';
}

void tb_base64_append(struct tb_buffer *out, const void *bytes, size_t len)
{
    const unsigned char *in = bytes;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        unsigned group = (unsigned)in[i] << 16;
        group |= have > 1 ? (unsigned)in[i + 1] << 8 : 0;
        group |= have > 2 ? (unsigned)in[i + 2] : 0;
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                        have > 1 ? alphabet[group >> 6 & 63] : '=',
                        have > 2 ? alphabet[group & 63] : '='};
        tb_buffer_append(out, text, sizeof text);
    }
}

static int alphabet_value(char c)
{
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* Bytes in the group of four characters at `text`, 0 when it is malformed. Bits that padding
 * throws away must be zero, so that no two texts mean the same bytes. */
static size_t decode_group(const char *text, unsigned char bytes[3])
{
    size_t padding = text[3] == '=' ? (text[2] == '=' ? 2 : 1) : 0;
    unsigned group = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? alphabet_value(text[i]) : 0;
        if (value < 0) {
            return 0;
        }
        group = group << 6 | (unsigned)value;
    }
    if ((group & ((1u << (8 * padding)) - 1)) != 0) {
        return 0;
    }
    bytes[0] = (unsigned char)(group >> 16);
    bytes[1] = (unsigned char)(group >> 8 & 255);
    bytes[2] = (unsigned char)(group & 255);
    return 3 - padding;
}

bool tb_base64_decode(struct tb_buffer *out, const char *text, size_t len)
{
    unsigned char bytes[3];
    if (len % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < len; i += 4) {
        size_t n = decode_group(text + i, bytes);
        if (n == 0 || (n < 3 && i + 4 < len)) {
            return false;
        }
    }
    size_t before = out->len;
    for (size_t i = 0; i < len; i += 4) {
        tb_buffer_append(out, bytes, decode_group(text + i, bytes));
    }
    if (out->overflow && out->len > before) {
        out->len = before;
        out->data[before] = '\0';
    }
    return !out->overflow;
}

bool tb_equal_constant_time(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || CRYPTO_memcmp(a, b, a_len) == 0);
}
