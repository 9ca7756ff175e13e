#include "ai_api_route.h"


#define AI_API_READ  (AI_API_GET|AI_API_HEAD)

#define ai_api_allow_read  ai_api_string("GET, HEAD")
#define ai_api_allow_post  ai_api_string("POST")


static int ai_api_route_matches(const ai_api_route_t *route,
    const ai_api_str_t *path, ai_api_str_t *param);


/* In the order of ai_api_endpoint_t, from the first one that is. */

static const ai_api_route_t  ai_api_routes[] = {

    { AI_API_EP_MODELS, ai_api_string("/models"),
      ai_api_string("/api/tags"), AI_API_READ,
      AI_API_ROUTE_SERVICE|AI_API_ROUTE_MODELS,
      AI_API_DIALECT_NATIVE, ai_api_allow_read },

    { AI_API_EP_CHAT, ai_api_string("/chat"),
      ai_api_string("/api/chat"), AI_API_POST,
      AI_API_ROUTE_SERVICE|AI_API_ROUTE_METERED|AI_API_ROUTE_BODY,
      AI_API_DIALECT_NATIVE, ai_api_allow_post },

    { AI_API_EP_GENERATE, ai_api_string("/generate"),
      ai_api_string("/api/generate"), AI_API_POST,
      AI_API_ROUTE_SERVICE|AI_API_ROUTE_METERED|AI_API_ROUTE_BODY,
      AI_API_DIALECT_NATIVE, ai_api_allow_post },

    { AI_API_EP_USAGE, ai_api_string("/usage"),
      ai_api_null_str, AI_API_READ,
      AI_API_ROUTE_SERVICE|AI_API_ROUTE_LOCAL,
      AI_API_DIALECT_NATIVE, ai_api_allow_read },

    { AI_API_EP_USAGE_REQUEST, ai_api_string("/usage/:"),
      ai_api_null_str, AI_API_READ,
      AI_API_ROUTE_SERVICE|AI_API_ROUTE_LOCAL,
      AI_API_DIALECT_NATIVE, ai_api_allow_read },

    { AI_API_EP_ROOT, ai_api_string("/"),
      ai_api_string("/"), AI_API_READ, 0,
      AI_API_DIALECT_NATIVE, ai_api_allow_read },

    { AI_API_EP_API_VERSION, ai_api_string("/api/version"),
      ai_api_string("/api/version"), AI_API_READ, 0,
      AI_API_DIALECT_NATIVE, ai_api_allow_read },

    { AI_API_EP_API_TAGS, ai_api_string("/api/tags"),
      ai_api_string("/api/tags"), AI_API_READ,
      AI_API_ROUTE_MODELS,
      AI_API_DIALECT_NATIVE, ai_api_allow_read },

    { AI_API_EP_API_CHAT, ai_api_string("/api/chat"),
      ai_api_string("/api/chat"), AI_API_POST,
      AI_API_ROUTE_METERED|AI_API_ROUTE_BODY,
      AI_API_DIALECT_NATIVE, ai_api_allow_post },

    { AI_API_EP_API_GENERATE, ai_api_string("/api/generate"),
      ai_api_string("/api/generate"), AI_API_POST,
      AI_API_ROUTE_METERED|AI_API_ROUTE_BODY,
      AI_API_DIALECT_NATIVE, ai_api_allow_post },

    { AI_API_EP_API_SHOW, ai_api_string("/api/show"),
      ai_api_string("/api/show"), AI_API_POST,
      AI_API_ROUTE_BODY|AI_API_ROUTE_SHOW,
      AI_API_DIALECT_NATIVE, ai_api_allow_post }
};


int
ai_api_route_find(const ai_api_str_t *path, unsigned method,
    const ai_api_route_t **route, ai_api_str_t *param)
{
    size_t               i;
    ai_api_str_t         p, rest;
    static const u_char  root[] = "/";

    p = *path;

    if (p.len == 0) {
        p.data = root;
        p.len = 1;
    }

    *route = NULL;

    for (i = 0; i < ai_api_nelts(ai_api_routes); i++) {

        if (!ai_api_route_matches(&ai_api_routes[i], &p, &rest)) {
            continue;
        }

        *route = &ai_api_routes[i];

        if (param != NULL) {
            *param = rest;
        }

        return ((*route)->methods & method) ? AI_API_OK : AI_API_DENIED;
    }

    return AI_API_DECLINED;
}


static int
ai_api_route_matches(const ai_api_route_t *route, const ai_api_str_t *path,
    ai_api_str_t *param)
{
    size_t  n;

    n = route->path.len;

    param->len = 0;
    param->data = NULL;

    if (route->path.data[n - 1] != ':') {
        return path->len == n && memcmp(path->data, route->path.data, n) == 0;
    }

    n--;

    if (path->len <= n || memcmp(path->data, route->path.data, n) != 0
        || memchr(path->data + n, '/', path->len - n) != NULL)
    {
        return 0;
    }

    param->data = path->data + n;
    param->len = path->len - n;

    return 1;
}


const ai_api_route_t *
ai_api_route_get(ai_api_endpoint_t id)
{
    if (id <= AI_API_EP_NONE || id >= AI_API_EP_LAST) {
        return NULL;
    }

    return &ai_api_routes[id - 1];
}
