/* Reads of the Hummingbot API that planning needs: one parsed answer, and the choice of the bot
 * image. Runs on request threads; owns nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bots/bots_private.h"

/* 2.13.0 as image_version counts; older bots ignore SCRIPT_CONFIG and would sit idle. */
enum { IMAGE_VERSION_MIN = 200130000, IMAGE_MAX = 160 };

struct tb_json_doc *upstream_read(struct tb_bots *b, enum tb_hb_endpoint endpoint, const char *arg0,
                                  const struct tb_hb_pair *query, int64_t mono_deadline_ms,
                                  struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = endpoint,
                              .arg = {arg0},
                              .queries = query ? 1 : 0,
                              .mono_deadline_ms = mono_deadline_ms};
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;

    if (query)
        call.query[0] = *query;
    if (tb_hb_call(b->hb, &call, &answer, err))
        doc = tb_json_parse(answer.body.data ? answer.body.data : "", answer.body.len,
                            TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    return doc;
}

struct tb_json_doc *upstream_read_if_there(struct tb_bots *b, enum tb_hb_endpoint endpoint,
                                           const char *arg, int64_t mono_deadline_ms,
                                           struct tb_error *err)
{
    struct tb_hb_call call = {
        .endpoint = endpoint, .arg = {arg}, .mono_deadline_ms = mono_deadline_ms, .fresh = true};
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;

    if (tb_hb_call(b->hb, &call, &answer, err))
        doc = tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, err);
    else if (answer.outcome == TB_HB_REFUSED && answer.status == 404)
        *err = (struct tb_error){0};
    tb_hb_answer_free(&answer);
    return doc;
}

void upstream_write_version(struct tb_bots *b, struct tb_json_writer *w)
{
    struct tb_hb_profile profile;
    struct tb_error ignored;

    tb_jw_key(w, "upstream");
    if (!tb_hb_profile(b->hb, false, &profile, &ignored)) {
        tb_jw_null(w);
        return;
    }
    tb_jw_object(w);
    tb_jw_kv_string(w, "since", profile.since);
    tb_jw_kv_string(w, "fingerprint", profile.fingerprint);
    tb_jw_end_object(w);
}

bool read_digits(const char **text, int least, int most, int *out)
{
    int n = 0;
    *out = 0;
    while (n < most && (*text)[n] >= '0' && (*text)[n] <= '9')
        *out = *out * 10 + ((*text)[n++] - '0');
    *text += n;
    return n >= least;
}

/* "…:version-2.16.0" or "…:2.16.0": the numbers as one sortable value; 0 when it names none. */
static int64_t image_version(const char *image, char version_out[24])
{
    const char *tag = strrchr(image, ':');
    int major = 0, minor = 0, patch = 0;
    version_out[0] = '\0';
    if (!tag)
        return 0;
    tag++;
    if (strncmp(tag, "version-", 8) == 0)
        tag += 8;
    if (!read_digits(&tag, 1, 4, &major) || *tag++ != '.' || !read_digits(&tag, 1, 4, &minor))
        return 0;
    if (*tag++ == '.' && !read_digits(&tag, 1, 4, &patch))
        return 0;
    snprintf(version_out, 24, "%d.%d.%d", major, minor, patch);
    return ((int64_t)major * 10000 + minor) * 10000 + patch;
}

static bool image_allowed(const char *patterns, const char *image)
{
    for (const char *p = patterns; *p;) {
        size_t len = strcspn(p, ",");
        if (len > 0 && p[len - 1] == '*' ? strncmp(p, image, len - 1) == 0
                                         : strlen(image) == len && strncmp(p, image, len) == 0)
            return true;
        p += len;
        p += *p == ',';
    }
    return false;
}

static const char *newest_image(const struct tb_bots *b, const struct tb_json *images,
                                const char *asked, bool *installed_out)
{
    const char *best = NULL;
    int64_t best_version = 0;
    char version[24];

    *installed_out = false;
    for (const struct tb_json *i = tb_json_first(images); i; i = i->next) {
        const char *name = tb_json_string(i);
        int64_t v;
        if (!name)
            continue;
        if (asked && strcmp(name, asked) == 0)
            *installed_out = true;
        v = image_version(name, version);
        if (v > best_version && image_allowed(b->image_pattern, name)) {
            best = name;
            best_version = v;
        }
    }
    return best_version >= IMAGE_VERSION_MIN ? best : NULL;
}

/* A reference as Docker writes it: nothing else reaches the deploy body, the log or a page. */
static bool image_is_plain(const char *image)
{
    size_t len = strlen(image);
    return len > 0 && len < IMAGE_MAX &&
           strspn(image, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                         "._-/:@") == len;
}

static bool check_asked(const struct tb_bots *b, const char *asked, struct tb_problems *problems)
{
    char version[24], message[256];
    int64_t v = image_version(asked, version);
    const char *tag = strrchr(asked, ':');

    if (!image_is_plain(asked) || !image_allowed(b->image_pattern, asked)) {
        snprintf(message, sizeof message,
                 "Bots may only run images that match BRIDGE_BOT_IMAGES (%.160s).",
                 b->image_pattern);
        tb_problem_add(&problems->errors, "/image", "image_not_allowed", message, NULL);
        return false;
    }
    if (v == 0 && tag && strcmp(tag, ":latest") == 0) {
        tb_problem_add(&problems->warnings, "/image", "image_latest",
                       "\"latest\" is taken to be 2.13 or newer; it changes under your feet.",
                       "Name a version, such as hummingbot/hummingbot:version-2.16.0.");
    } else if (v < IMAGE_VERSION_MIN) {
        tb_problem_add(
            &problems->errors, "/image", "image_too_old",
            "The image must be Hummingbot 2.13 or newer (older ones ignore their config).",
            "Use hummingbot/hummingbot:version-2.16.0.");
        return false;
    }
    return true;
}

bool image_choose(struct tb_bots *b, const char *asked, struct plan *plan, char version_out[24],
                  struct tb_problems *problems, struct tb_error *err)
{
    struct tb_hb_pair filter = {"image_name", "hummingbot"};
    struct tb_json_doc *doc;
    const char *newest;
    bool installed;

    if (asked && !check_asked(b, asked, problems))
        return problems_fail(problems, err);
    doc = upstream_read(b, TB_HB_DOCKER_IMAGES, NULL, &filter, tb_mono_ms() + 15000, err);
    if (!doc)
        return false;
    const struct tb_json *images = tb_json_root(doc);
    if (tb_json_is(images, TB_JSON_OBJECT))
        images = tb_json_get(images, "available_images");
    if (!tb_json_is(images, TB_JSON_ARRAY)) {
        tb_json_free(doc);
        return tb_fail(err, TB_UPSTREAM_NOT_JSON,
                       "The Hummingbot API answered its list of images with something that is no "
                       "list; see that Docker runs on its host.");
    }
    newest = newest_image(b, images, asked, &installed);
    if (asked) {
        tb_copy(plan->image, sizeof plan->image, asked);
        plan->may_pull = !installed;
        if (!installed)
            tb_problem_add(&problems->warnings, "/image", "image_not_installed",
                           "The image is not on the Hummingbot host; it is pulled first, which can "
                           "take minutes.",
                           NULL);
    } else if (newest) {
        tb_copy(plan->image, sizeof plan->image, newest);
    }
    tb_json_free(doc);
    if (!plan->image[0]) {
        tb_problem_add(
            &problems->errors, "/image", "image_required",
            "No image hummingbot/hummingbot:version-X.Y.Z of 2.13 or newer is installed on "
            "the Hummingbot host.",
            "Name one in \"image\"; it is then pulled.");
        return tb_fail(err, TB_IMAGE_REQUIRED, "No usable bot image is installed; name one.");
    }
    image_version(plan->image, version_out);
    if (!version_out[0])
        tb_copy(version_out, 24, "2.13.0");
    return true;
}
