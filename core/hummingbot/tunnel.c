/* Whose page is this? HTML where JSON belongs comes from something in front of the API: a tunnel, a
 * proxy, a platform. Rows name the ones that real deployments met, with what to do. Any thread. */
#include <string.h>
#include <strings.h>

#include "hummingbot/client_private.h"

#define LOOK_AT 4096 /* bytes of a page that are searched */

struct tunnel {
    const char *name;
    const char *header; /* begins one of its response headers; NULL for none */
    const char *server; /* stands in its Server header; NULL for none */
    const char *text;   /* stands in its page or JSON; NULL for none */
    const char *remedy;
};

/* The first row that matches is told, so the more particular ones come first. */
static const struct tunnel TUNNELS[] = {
    {"ngrok's warning page", NULL, NULL, "ERR_NGROK_6024",
     "set HUMMINGBOT_API_HEADERS to `ngrok-skip-browser-warning: true`"},
    {"ngrok's warning page", NULL, NULL, "You are about to visit",
     "set HUMMINGBOT_API_HEADERS to `ngrok-skip-browser-warning: true`"},
    {"ngrok (the tunnel is offline)", NULL, NULL, "ERR_NGROK_3200",
     "start the tunnel on the API's machine, or put its new address into HUMMINGBOT_API_URL"},
    {"ngrok (nothing listens behind the tunnel)", NULL, NULL, "ERR_NGROK_8012",
     "start the Hummingbot API on the port the tunnel leads to"},
    {"ngrok", "ngrok-error-code", NULL, NULL,
     "see that the tunnel runs and leads to the API's port"},
    {"ngrok", NULL, NULL, "ngrok", "see that the tunnel runs and leads to the API's port"},
    {"localtunnel's password page", NULL, NULL, "loca.lt",
     "set HUMMINGBOT_API_HEADERS to `bypass-tunnel-reminder: true`, and see that the tunnel runs"},
    {"localtunnel", "x-localtunnel", NULL, NULL, "see that the tunnel runs"},
    {"Cloudflare (the tunnel is offline)", NULL, NULL, "Argo Tunnel error",
     "start cloudflared on the API's machine"},
    {"Cloudflare (the tunnel is offline)", NULL, NULL, "error code: 1033",
     "start cloudflared on the API's machine"},
    {"Cloudflare Access's login", NULL, NULL, "cloudflareaccess.com",
     "set HUMMINGBOT_API_HEADERS to the CF-Access-Client-Id and CF-Access-Client-Secret of a "
     "service "
     "token"},
    {"Cloudflare", NULL, "cloudflare", NULL,
     "see that cloudflared and the Hummingbot API run on the API's machine"},
    {"Railway", "x-railway", NULL, NULL,
     "see that the service runs, listens on the port its address leads to, and has this host name"},
    {"Railway", NULL, "railway", NULL,
     "see that the service runs, listens on the port its address leads to, and has this host name"},
    {"Railway", NULL, NULL, "railway",
     "see that the service runs, listens on the port its address leads to, and has this host name"},
    {"Tailscale", NULL, NULL, "tailscale", "see that the machine is up in the tailnet"},
    {"nginx", NULL, "nginx", NULL, "see that its upstream address leads to the API"},
    {"nginx", NULL, NULL, "<center>nginx", "see that its upstream address leads to the API"},
    {"Caddy", NULL, "caddy", NULL, "see that its reverse_proxy leads to the API"},
    {"Traefik", NULL, "traefik", NULL, "see that its service leads to the API"},
};

static bool holds(const char *text, size_t len, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= len; i++) {
        if (strncasecmp(text + i, part, n) == 0)
            return true;
    }
    return false;
}

const char *tb_hb_tunnel_header(const char *line, size_t len)
{
    for (size_t i = 0; i < sizeof TUNNELS / sizeof *TUNNELS; i++) {
        const char *header = TUNNELS[i].header;
        if (header && len > strlen(header) && strncasecmp(line, header, strlen(header)) == 0)
            return TUNNELS[i].name;
    }
    return NULL;
}

bool tb_hb_is_html(const struct tb_hb_raw *raw)
{
    const char *p = tb_buffer_text(&raw->body);
    p += strspn(p, " \t\r\n");
    return strncasecmp(raw->content_type, "text/html", 9) == 0 ||
           strncasecmp(p, "<!doctype", 9) == 0 || strncasecmp(p, "<html", 5) == 0;
}

bool tb_hb_tunnel(const struct tb_hb_raw *raw, const char **name_out, const char **remedy_out)
{
    size_t len = raw->body.len < LOOK_AT ? raw->body.len : LOOK_AT;
    const char *text = tb_buffer_text(&raw->body);
    for (size_t i = 0; i < sizeof TUNNELS / sizeof *TUNNELS; i++) {
        const struct tunnel *t = &TUNNELS[i];
        if ((t->header && strcmp(raw->tunnel, t->name) == 0) ||
            (t->server && holds(raw->server, strlen(raw->server), t->server)) ||
            (t->text && holds(text, len, t->text))) {
            *name_out = t->name;
            *remedy_out = t->remedy;
            return true;
        }
    }
    return false;
}
