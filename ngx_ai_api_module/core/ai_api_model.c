#include "ai_api_model.h"
#include "ai_api_str.h"


#define AI_API_MODEL_HOST_MAX  350
#define AI_API_MODEL_PART_MAX   80


typedef enum {
    AI_API_MODEL_HOST = 0,
    AI_API_MODEL_NAMESPACE,
    AI_API_MODEL_MODEL,
    AI_API_MODEL_TAG,
    AI_API_MODEL_PARTS
} ai_api_model_part_t;


typedef enum {
    AI_API_MODEL_ANY = 0,
    AI_API_MODEL_LOCAL,
    AI_API_MODEL_CLOUD
} ai_api_model_source_t;


static size_t ai_api_model_space(const u_char *p, size_t len);
static size_t ai_api_model_space_before(const u_char *p, size_t len);
static ai_api_model_source_t ai_api_model_source(ai_api_str_t *name);
static int ai_api_model_split(const ai_api_str_t *name, ai_api_str_t *part);
static void ai_api_model_scheme(ai_api_str_t *host);
static ssize_t ai_api_model_last(const ai_api_str_t *s, u_char c);
static ai_api_str_t ai_api_model_cut(ai_api_str_t *s, size_t at);
static int ai_api_model_part_check(const ai_api_str_t *part,
    ai_api_model_part_t kind);
static void ai_api_model_write(ai_api_model_t *m, const ai_api_str_t *part,
    unsigned tagged);
static void ai_api_model_append(ai_api_model_t *m, const u_char *p,
    size_t len);
static u_char ai_api_model_lower(u_char c);
static int ai_api_model_ends_with(const ai_api_str_t *s, const char *z);
static int ai_api_model_prefix(const ai_api_str_t *pattern,
    ai_api_str_t *prefix);
static int ai_api_model_skip(ai_api_str_t *s, const char *z);


int
ai_api_model_parse(ai_api_model_t *m, const ai_api_str_t *name)
{
    unsigned               i, tagged;
    ai_api_str_t           s, base, part[AI_API_MODEL_PARTS];
    ai_api_model_source_t  source;

    m->len = 0;
    m->cloud = 0;

    s = ai_api_model_trim(name);

    if (s.len == 0) {
        return AI_API_DECLINED;
    }

    source = ai_api_model_source(&s);
    base = s;

    if (source != AI_API_MODEL_ANY
        && ai_api_model_source(&base) != AI_API_MODEL_ANY)
    {
        return AI_API_INVALID;
    }

    m->cloud = (source == AI_API_MODEL_CLOUD);

    if (ai_api_model_split(&s, part) != AI_API_OK) {
        return AI_API_INVALID;
    }

    tagged = (part[AI_API_MODEL_TAG].data != NULL);

    if (!tagged) {
        part[AI_API_MODEL_TAG] = ai_api_strz("latest");
    }

    for (i = 0; i < AI_API_MODEL_PARTS; i++) {
        if (ai_api_model_part_check(&part[i], i) != AI_API_OK) {
            return AI_API_INVALID;
        }
    }

    ai_api_model_write(m, part, tagged);

    return AI_API_OK;
}


ai_api_str_t
ai_api_model_name(const ai_api_model_t *m)
{
    ai_api_str_t  s;

    s.data = m->text;
    s.len = m->len;

    return s;
}


ai_api_str_t
ai_api_model_trim(const ai_api_str_t *name)
{
    size_t        n;
    ai_api_str_t  s;

    s = *name;

    while ((n = ai_api_model_space(s.data, s.len)) != 0) {
        s.data += n;
        s.len -= n;
    }

    while ((n = ai_api_model_space_before(s.data, s.len)) != 0) {
        s.len -= n;
    }

    return s;
}


/* Length of the white space (Unicode's White_Space) that p begins with. */

static size_t
ai_api_model_space(const u_char *p, size_t len)
{
    if (len >= 1 && (p[0] == ' ' || (p[0] >= 0x09 && p[0] <= 0x0d))) {
        return 1;
    }

    if (len >= 2 && p[0] == 0xc2) {
        return (p[1] == 0x85 || p[1] == 0xa0) ? 2 : 0;
    }

    if (len < 3) {
        return 0;
    }

    if (p[0] == 0xe2 && p[1] == 0x80) {
        return ((p[2] >= 0x80 && p[2] <= 0x8a) || p[2] == 0xa8
                || p[2] == 0xa9 || p[2] == 0xaf) ? 3 : 0;
    }

    if (memcmp(p, "\xe1\x9a\x80", 3) == 0
        || memcmp(p, "\xe2\x81\x9f", 3) == 0
        || memcmp(p, "\xe3\x80\x80", 3) == 0)
    {
        return 3;
    }

    return 0;
}


/* The same for what ends at p + len. */

static size_t
ai_api_model_space_before(const u_char *p, size_t len)
{
    size_t  n;

    for (n = 1; n <= 3 && n <= len; n++) {
        if (ai_api_model_space(p + len - n, n) == n) {
            return n;
        }
    }

    return 0;
}


/*
 * Takes a ":local", ":cloud" or the "-cloud" of a tag off the name, as
 * parseSourceSuffix() of Ollama's internal/modelref does.
 */

static ai_api_model_source_t
ai_api_model_source(ai_api_str_t *name)
{
    ssize_t       colon;
    ai_api_str_t  suffix;

    colon = ai_api_model_last(name, ':');
    if (colon == -1) {
        return AI_API_MODEL_ANY;
    }

    suffix.data = name->data + colon + 1;
    suffix.len = name->len - (size_t) colon - 1;
    suffix = ai_api_model_trim(&suffix);

    if (ai_api_str_caseeqz(&suffix, "cloud")) {
        name->len = (size_t) colon;
        return AI_API_MODEL_CLOUD;
    }

    if (ai_api_str_caseeqz(&suffix, "local")) {
        name->len = (size_t) colon;
        return AI_API_MODEL_LOCAL;
    }

    if (ai_api_model_last(&suffix, '/') == -1
        && ai_api_model_ends_with(&suffix, "-cloud"))
    {
        name->len = (size_t) (suffix.data - name->data) + suffix.len
                    - (sizeof("-cloud") - 1);
        return AI_API_MODEL_CLOUD;
    }

    return AI_API_MODEL_ANY;
}


/*
 * From the right, as ParseNameBare() of Ollama's types/model.  Without a tag
 * part[AI_API_MODEL_TAG].data is NULL.
 */

static int
ai_api_model_split(const ai_api_str_t *name, ai_api_str_t *part)
{
    ssize_t       colon, slash;
    ai_api_str_t  s;

    s = *name;

    part[AI_API_MODEL_HOST] = ai_api_strz("registry.ollama.ai");
    part[AI_API_MODEL_NAMESPACE] = ai_api_strz("library");
    part[AI_API_MODEL_TAG].data = NULL;
    part[AI_API_MODEL_TAG].len = 0;

    colon = ai_api_model_last(&s, ':');

    if (colon > ai_api_model_last(&s, '/')) {
        part[AI_API_MODEL_TAG] = ai_api_model_cut(&s, (size_t) colon);
    }

    slash = ai_api_model_last(&s, '/');

    if (slash == -1) {
        part[AI_API_MODEL_MODEL] = s;
        return AI_API_OK;
    }

    part[AI_API_MODEL_MODEL] = ai_api_model_cut(&s, (size_t) slash);

    slash = ai_api_model_last(&s, '/');

    if (slash == -1) {
        part[AI_API_MODEL_NAMESPACE] = s;
        return AI_API_OK;
    }

    part[AI_API_MODEL_NAMESPACE] = ai_api_model_cut(&s, (size_t) slash);

    ai_api_model_scheme(&s);
    part[AI_API_MODEL_HOST] = s;

    return AI_API_OK;
}


static void
ai_api_model_scheme(ai_api_str_t *host)
{
    if (!ai_api_model_skip(host, "https://")) {
        (void) ai_api_model_skip(host, "http://");
    }
}


static ssize_t
ai_api_model_last(const ai_api_str_t *s, u_char c)
{
    size_t  i;

    for (i = s->len; i > 0; i--) {
        if (s->data[i - 1] == c) {
            return (ssize_t) i - 1;
        }
    }

    return -1;
}


/* s keeps what is before the separator at "at", what follows is returned. */

static ai_api_str_t
ai_api_model_cut(ai_api_str_t *s, size_t at)
{
    ai_api_str_t  rest;

    rest.data = s->data + at + 1;
    rest.len = s->len - at - 1;
    s->len = at;

    return rest;
}


/* Characters and lengths: isValidPart() of Ollama's types/model. */

static int
ai_api_model_part_check(const ai_api_str_t *part, ai_api_model_part_t kind)
{
    u_char  c;
    size_t  i, max;

    max = (kind == AI_API_MODEL_HOST) ? AI_API_MODEL_HOST_MAX
                                      : AI_API_MODEL_PART_MAX;

    if (part->len == 0 || part->len > max) {
        return AI_API_INVALID;
    }

    for (i = 0; i < part->len; i++) {
        c = ai_api_model_lower(part->data[i]);

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
            continue;
        }

        if (i == 0) {
            return AI_API_INVALID;
        }

        if (c == '-'
            || (c == '.' && kind != AI_API_MODEL_NAMESPACE)
            || (c == ':' && kind == AI_API_MODEL_HOST))
        {
            continue;
        }

        return AI_API_INVALID;
    }

    return AI_API_OK;
}


static void
ai_api_model_write(ai_api_model_t *m, const ai_api_str_t *part,
    unsigned tagged)
{
    unsigned  i, defaults;

    defaults = ai_api_str_caseeqz(&part[AI_API_MODEL_HOST],
                                  "registry.ollama.ai");

    for (i = AI_API_MODEL_HOST; i < AI_API_MODEL_MODEL; i++) {

        if (defaults
            && (i == AI_API_MODEL_HOST
                || ai_api_str_caseeqz(&part[i], "library")))
        {
            continue;
        }

        ai_api_model_append(m, part[i].data, part[i].len);
        ai_api_model_append(m, (u_char *) "/", 1);
    }

    ai_api_model_append(m, part[AI_API_MODEL_MODEL].data,
                        part[AI_API_MODEL_MODEL].len);
    ai_api_model_append(m, (u_char *) ":", 1);

    if (!m->cloud || tagged) {
        ai_api_model_append(m, part[AI_API_MODEL_TAG].data,
                            part[AI_API_MODEL_TAG].len);
    }

    if (m->cloud) {
        ai_api_model_append(m, (u_char *) "-cloud" + !tagged, 6 - !tagged);
    }
}


static void
ai_api_model_append(ai_api_model_t *m, const u_char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        m->text[m->len++] = ai_api_model_lower(p[i]);
    }
}


static u_char
ai_api_model_lower(u_char c)
{
    return (c >= 'A' && c <= 'Z') ? (u_char) (c | 0x20) : c;
}


static int
ai_api_model_ends_with(const ai_api_str_t *s, const char *z)
{
    size_t        len;
    ai_api_str_t  end;

    len = strlen(z);

    if (s->len < len) {
        return 0;
    }

    end.data = s->data + s->len - len;
    end.len = len;

    return ai_api_str_caseeqz(&end, z);
}


int
ai_api_model_pattern_check(const ai_api_str_t *pattern)
{
    u_char          c;
    size_t          i;
    ai_api_str_t    prefix;
    ai_api_model_t  m;

    if (!ai_api_model_prefix(pattern, &prefix)) {
        return (ai_api_model_parse(&m, pattern) == AI_API_OK)
               ? AI_API_OK : AI_API_INVALID;
    }

    if (prefix.len > AI_API_MODEL_MAX) {
        return AI_API_INVALID;
    }

    for (i = 0; i < prefix.len; i++) {
        c = ai_api_model_lower(prefix.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
            && (c == '\0' || strchr("_-.:/", c) == NULL))
        {
            return AI_API_INVALID;
        }
    }

    return AI_API_OK;
}


int
ai_api_model_match(const ai_api_model_t *m, const ai_api_str_t *pattern)
{
    size_t          i;
    ai_api_str_t    prefix, name;
    ai_api_model_t  other;

    if (!ai_api_model_prefix(pattern, &prefix)) {

        if (ai_api_model_parse(&other, pattern) != AI_API_OK) {
            return 0;
        }

        name = ai_api_model_name(&other);

        return name.len == m->len && memcmp(name.data, m->text, m->len) == 0;
    }

    if (prefix.len > m->len) {
        return 0;
    }

    for (i = 0; i < prefix.len; i++) {
        if (ai_api_model_lower(prefix.data[i]) != m->text[i]) {
            return 0;
        }
    }

    return 1;
}


int
ai_api_model_allowed(const ai_api_model_t *m, const ai_api_str_t *patterns,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (ai_api_model_match(m, &patterns[i])) {
            return 1;
        }
    }

    return 0;
}


/* 1 for "prefix*", which comes back less the default host and namespace. */

static int
ai_api_model_prefix(const ai_api_str_t *pattern, ai_api_str_t *prefix)
{
    *prefix = ai_api_model_trim(pattern);

    if (prefix->len == 0 || prefix->data[prefix->len - 1] != '*') {
        return 0;
    }

    prefix->len--;

    (void) ai_api_model_skip(prefix, "registry.ollama.ai/");
    (void) ai_api_model_skip(prefix, "library/");

    return 1;
}


static int
ai_api_model_skip(ai_api_str_t *s, const char *z)
{
    ai_api_str_t  head;

    head.data = s->data;
    head.len = strlen(z);

    if (head.len > s->len || !ai_api_str_caseeqz(&head, z)) {
        return 0;
    }

    s->data += head.len;
    s->len -= head.len;

    return 1;
}
