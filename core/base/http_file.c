/* The part of an answer that is a file, sent piece by piece so that it is never whole in memory.
 * Runs on the worker that serves the request; the file stays its owner's. */
#include <civetweb.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/http_private.h"
#include "base/memory.h"

#define PIECE ((size_t)256 << 10)

bool tb_http_send_file(struct mg_connection *conn, const struct tb_http_response *res)
{
    char *piece = res->file_bytes > 0 ? tb_xmalloc(PIECE) : NULL;
    int64_t left = res->file_bytes;
    while (left > 0) {
        ssize_t n = read(res->file, piece, left < (int64_t)PIECE ? (size_t)left : PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || mg_write(conn, piece, (size_t)n) < (int)n)
            break;
        left -= n;
    }
    free(piece);
    return left == 0;
}
