/* `trading-bridge plugin fixture`: what the Hummingbot API answers to a read, as a plugin gets it,
 * for the world of a test. Secrets go; addresses, orders and accounts are replaced, the same by the
 * same, wherever they stand. Amounts stay: they are what a test is about. Main thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "commands/plugin_private.h"

/* Parts of a member's name whose value nobody else may see. */
static const char *const SECRETS[] = {"password", "secret", "passphrase", "private",
                                      "mnemonic", "apikey", "seed",       "credential"};
/* Members whose texts name somebody, in lower case without underscores. */
static const char *const NAMED[] = {
    "address",       "walletaddress",   "walletaddresses", "wallet",        "wallets",
    "defaultwallet", "owner",           "publickey",       "clientorderid", "exchangeorderid",
    "orderid",       "exchangetradeid", "txhash",          "signature",     "userid"};

struct scrub {
    struct replaced {
        char *was, *is;
    } * known;
    size_t count;
    unsigned secrets;
};

/* "walletAddress" and "wallet_address" are one word. */
static void plain_word(const char *key, char out[64])
{
    size_t n = 0;
    for (; *key && n < 63; key++) {
        if (isalnum((unsigned char)*key))
            out[n++] = (char)tolower((unsigned char)*key);
    }
    out[n] = '\0';
}

static bool is_secret(const char *key)
{
    char word[64];
    plain_word(key, word);
    for (size_t i = 0; i < sizeof SECRETS / sizeof SECRETS[0]; i++) {
        if (strstr(word, SECRETS[i]))
            return true;
    }
    return false;
}

static bool is_named(const char *key)
{
    char word[64];
    plain_word(key, word);
    for (size_t i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        if (strcmp(word, NAMED[i]) == 0)
            return true;
    }
    return false;
}

static const char *replacement(const struct scrub *scrub, const char *text)
{
    for (size_t i = 0; i < scrub->count; i++) {
        if (strcmp(scrub->known[i].was, text) == 0)
            return scrub->known[i].is;
    }
    return NULL;
}

/* Of the same kind and length, since checks look at the shape of an address. */
static char *invent(const char *text, size_t number)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    size_t len = strlen(text);
    bool hex = strncmp(text, "0x", 2) == 0,
         base58 = len >= 32 && len <= 88 && !hex &&
                  strspn(text, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") == len;
    if (!hex && !base58) {
        tb_buffer_printf(&out, "fixture-%zu", number);
        return tb_buffer_steal(&out, NULL);
    }
    tb_buffer_puts(&out, hex ? "0x" : "Fixture");
    while (out.len < len)
        tb_buffer_putc(&out, hex ? '0' : '1');
    /* counted in digits that base 58 has too */
    for (size_t n = number, at = len; n > 0 && at > 8; n /= 8)
        out.data[--at] = (char)('1' + n % 8);
    return tb_buffer_steal(&out, NULL);
}

static void collect(struct scrub *scrub, const struct tb_json *node, bool named)
{
    const char *text = tb_json_string(node);
    if (named && text && *text && !replacement(scrub, text)) {
        scrub->known = tb_xrealloc(scrub->known, (scrub->count + 1) * sizeof *scrub->known);
        scrub->known[scrub->count] =
            (struct replaced){tb_xstrdup(text), invent(text, scrub->count + 1)};
        scrub->count++;
    }
    for (const struct tb_json *c = tb_json_first(node); c; c = c->next)
        collect(scrub, c, c->key ? is_named(c->key) : named);
}

static void write_scrubbed(struct scrub *scrub, const struct tb_json *node,
                           struct tb_json_writer *w)
{
    const char *text = tb_json_string(node), *other = text ? replacement(scrub, text) : NULL;
    if (!tb_json_is(node, TB_JSON_OBJECT) && !tb_json_is(node, TB_JSON_ARRAY)) {
        if (other)
            tb_jw_string(w, other);
        else
            tb_jw_node(w, node);
        return;
    }
    bool object = tb_json_is(node, TB_JSON_OBJECT);
    object ? tb_jw_object(w) : tb_jw_array(w);
    for (const struct tb_json *c = node->child; c; c = c->next) {
        const char *key = c->key ? replacement(scrub, c->key) : NULL;
        if (c->key)
            tb_jw_key(w, key ? key : c->key);
        if (c->key && is_secret(c->key) && !tb_json_is(c, TB_JSON_BOOL)) {
            tb_jw_string(w, "scrubbed");
            scrub->secrets++;
        } else {
            write_scrubbed(scrub, c, w);
        }
    }
    object ? tb_jw_end_object(w) : tb_jw_end_array(w);
}

static bool print_scrubbed(const struct tb_json *value)
{
    struct scrub scrub = {0};
    struct tb_buffer out = TB_BUFFER_INIT, text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_error err = {0};
    collect(&scrub, value, false);
    tb_jw_init(&w, &out);
    write_scrubbed(&scrub, value, &w);
    struct tb_json_doc *doc = tb_json_parse(out.data, out.len, TB_JSON_UPSTREAM, &err);
    if (doc) {
        tb_json_pretty(tb_json_root(doc), &text);
        fputs(tb_buffer_text(&text), stdout);
        fprintf(stderr,
                "%u secrets went, %zu names were replaced. Amounts are as they were: look "
                "at the file before you keep it.\n",
                scrub.secrets, scrub.count);
    } else {
        fprintf(stderr, "plugin: %s\n", err.detail);
    }
    for (size_t i = 0; i < scrub.count; i++) {
        free(scrub.known[i].was);
        free(scrub.known[i].is);
    }
    free(scrub.known);
    bool good = doc != NULL;
    tb_json_free(doc);
    tb_buffer_free(&out);
    tb_buffer_free(&text);
    return good;
}

static void write_input(const char *line, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "lines");
    tb_jw_array(&w);
    tb_jw_string(&w, line);
    tb_jw_end_array(&w);
    tb_jw_kv_bool(&w, "live", true);
    tb_jw_kv_bool(&w, "valued", true);
    tb_jw_end_object(&w);
}

int plugin_fixture(int argc, char **argv)
{
    struct plugin_bench bench;
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_doc *answer = NULL;
    bool good = false;
    if (argc != 3)
        return 2;
    if (bench_open(&bench, BENCH_UPSTREAM | BENCH_PROMPT) && bench_has(&bench, argv[1])) {
        write_input(argv[2], &input);
        answer = bench_call(&bench, argv[1], TB_PLUGIN_REPL, &input);
    }
    const struct tb_json *root = answer ? tb_json_root(answer) : NULL;
    const char *why = tb_json_get_string(root, "error");
    if (why)
        fprintf(stderr, "plugin: %s\n", why);
    else if (root && !tb_json_get(root, "value"))
        fprintf(stderr, "plugin: %s gives no value\n", argv[2]);
    else if (root)
        good = print_scrubbed(tb_json_get(root, "value"));
    tb_json_free(answer);
    tb_buffer_free(&input);
    bench_close(&bench);
    return good ? 0 : 1;
}
