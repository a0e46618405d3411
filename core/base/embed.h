/* A file compiled into the binary (cmake/embed.cmake). Tables end with a row whose name is NULL. */
#ifndef TB_BASE_EMBED_H
#define TB_BASE_EMBED_H

struct tb_embedded {
    const char *name; /* path below the embedded folder */
    const unsigned char *start;
    const unsigned char *end;
};

extern const struct tb_embedded tb_sdk_files[];     /* plugins/sdk */
extern const struct tb_embedded tb_shipped_files[]; /* plugins/, those of a release */
extern const struct tb_embedded tb_web_files[];     /* core/web */

#endif
