#include "ai_api_test.h"
#include "ai_api_route.h"
#include "ai_api_str.h"


/* upstream: Ollama's path; "" is answered here; NULL is not AI_API_OK. */

static const struct {
    unsigned            method;
    const char         *path;
    int                 rc;
    ai_api_endpoint_t   id;
    const char         *upstream;
    const char         *param;
} rows[] = {
    { AI_API_GET, "/models", AI_API_OK, AI_API_EP_MODELS, "/api/tags", "" },
    { AI_API_HEAD, "/models", AI_API_OK, AI_API_EP_MODELS, "/api/tags", "" },
    { AI_API_POST, "/chat", AI_API_OK, AI_API_EP_CHAT, "/api/chat", "" },
    { AI_API_POST, "/generate", AI_API_OK, AI_API_EP_GENERATE,
      "/api/generate", "" },
    { AI_API_GET, "/usage", AI_API_OK, AI_API_EP_USAGE, "", "" },
    { AI_API_GET, "/usage/ab12", AI_API_OK, AI_API_EP_USAGE_REQUEST, "",
      "ab12" },
    { AI_API_GET, "/", AI_API_OK, AI_API_EP_ROOT, "/", "" },
    { AI_API_HEAD, "", AI_API_OK, AI_API_EP_ROOT, "/", "" },
    { AI_API_GET, "/api/version", AI_API_OK, AI_API_EP_API_VERSION,
      "/api/version", "" },
    { AI_API_HEAD, "/api/tags", AI_API_OK, AI_API_EP_API_TAGS, "/api/tags",
      "" },
    { AI_API_POST, "/api/chat", AI_API_OK, AI_API_EP_API_CHAT, "/api/chat",
      "" },
    { AI_API_POST, "/api/generate", AI_API_OK, AI_API_EP_API_GENERATE,
      "/api/generate", "" },
    { AI_API_POST, "/api/show", AI_API_OK, AI_API_EP_API_SHOW, "/api/show",
      "" },

    { AI_API_POST, "/models", AI_API_DENIED, AI_API_EP_MODELS, NULL, "" },
    { AI_API_GET, "/chat", AI_API_DENIED, AI_API_EP_CHAT, NULL, "" },
    { AI_API_HEAD, "/api/chat", AI_API_DENIED, AI_API_EP_API_CHAT, NULL, "" },
    { AI_API_OTHER, "/api/generate", AI_API_DENIED, AI_API_EP_API_GENERATE,
      NULL, "" },
    { AI_API_POST, "/", AI_API_DENIED, AI_API_EP_ROOT, NULL, "" },
    { AI_API_POST, "/usage/x", AI_API_DENIED, AI_API_EP_USAGE_REQUEST, NULL,
      "x" },
    { AI_API_OTHER, "/usage", AI_API_DENIED, AI_API_EP_USAGE, NULL, "" },

    { AI_API_POST, "chat", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/chat/", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "//chat", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/Chat", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/chat\n", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/%63hat", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_GET, "/usage/", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_GET, "/usage/a/b", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_GET, "/usage/:/", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_GET, "/api", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/pull", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/push", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/create", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/copy", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_OTHER, "/api/delete", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/blobs/sha256:0", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_GET, "/api/ps", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/me", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/signout", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_OTHER, "/api/user/keys/x", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/api/experimental/web_search", AI_API_DECLINED, 0, NULL,
      "" },
    { AI_API_GET, "/api/status", AI_API_DECLINED, 0, NULL, "" },
    { AI_API_POST, "/v1/audio/transcriptions", AI_API_DECLINED, 0, NULL, "" }
};


static void
table(void)
{
    int                     rc;
    size_t                  i;
    ai_api_str_t            path, param;
    const ai_api_route_t   *route;

    for (i = 0; i < ai_api_nelts(rows); i++) {
        path = ai_api_strz(rows[i].path);
        param.len = 0;

        rc = ai_api_route_find(&path, rows[i].method, &route, &param);
        T_CHECK(rc == rows[i].rc, "%s: %d", rows[i].path, rc);

        if (rc == AI_API_DECLINED || rc != rows[i].rc) {
            T_CHECK(route == NULL, "%s", rows[i].path);
            continue;
        }

        T_CHECK(route->id == rows[i].id, "%s: %d", rows[i].path, route->id);
        T_CHECK(route == ai_api_route_get(route->id), "%s", rows[i].path);
        T_CHECK(route->allow.len != 0, "%s", rows[i].path);
        T_CHECK(ai_api_str_eqz(&param, rows[i].param), "%s: %.*s",
                rows[i].path, (int) param.len, param.data);
        T_CHECK(rows[i].upstream == NULL
                || ai_api_str_eqz(&route->upstream, rows[i].upstream), "%s",
                rows[i].path);
        T_CHECK((route->upstream.len == 0)
                == ((route->flags & AI_API_ROUTE_LOCAL) != 0), "%s",
                rows[i].path);
    }
}


/* Every endpoint has its row; what is metered has a body that is gated. */

static void
complete(void)
{
    int                    i;
    const ai_api_route_t  *route;

    for (i = AI_API_EP_NONE + 1; i < AI_API_EP_LAST; i++) {
        route = ai_api_route_get((ai_api_endpoint_t) i);

        T_CHECK(route != NULL && (int) route->id == i, "%d", i);
        T_CHECK((route->flags & AI_API_ROUTE_METERED) == 0
                || (route->flags & AI_API_ROUTE_BODY) != 0, "%d", i);
        T_CHECK((route->flags & AI_API_ROUTE_BODY) == 0
                || route->methods == AI_API_POST, "%d", i);
    }

    T_CHECK(ai_api_route_get(AI_API_EP_NONE) == NULL, "none");
    T_CHECK(ai_api_route_get(AI_API_EP_LAST) == NULL, "last");
}


int
main(void)
{
    T_GROUP(table);
    T_GROUP(complete);

    T_DONE();
}
