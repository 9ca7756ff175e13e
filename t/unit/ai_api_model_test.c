#include "ai_api_test.h"
#include "ai_api_model.h"
#include "ai_api_price.h"
#include "ai_api_str.h"


#define P80   "pppppppppppppppppppppppppppppppppppppppp"                     \
              "pppppppppppppppppppppppppppppppppppppppp"

#define P350  P80 P80 P80 P80 "pppppppppppppppppppppppppppppp"


/* expected NULL: invalid. */

static const struct {
    const char  *name;
    const char  *expected;
    unsigned     cloud;
} names[] = {
    { "llama3", "llama3:latest", 0 },
    { "LLAMA3:latest", "llama3:latest", 0 },
    { "llama3:LATEST", "llama3:latest", 0 },
    { "library/llama3", "llama3:latest", 0 },
    { "Library/llama3", "llama3:latest", 0 },
    { "registry.ollama.ai/library/llama3:latest", "llama3:latest", 0 },
    { "https://registry.ollama.ai/library/llama3", "llama3:latest", 0 },
    { "http://Registry.Ollama.ai/library/llama3:8b", "llama3:8b", 0 },
    { "llama3:local", "llama3:latest", 0 },
    { "llama3:8b:Local", "llama3:8b", 0 },
    { " \t\n\v\f\r\xc2\x85\xc2\xa0\xe1\x9a\x80\xe2\x80\x83llama3"
      "\xe2\x80\xa8\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80 ", "llama3:latest", 0 },
    { "user/llama3", "user/llama3:latest", 0 },
    { "registry.ollama.ai/user/llama3", "user/llama3:latest", 0 },
    { "hf.co/user/m", "hf.co/user/m:latest", 0 },
    { "hf.co/library/m", "hf.co/library/m:latest", 0 },
    { "hf.co:443/User/M:Q4_K_M", "hf.co:443/user/m:q4_k_m", 0 },
    { "https://hf.co/user/m", "hf.co/user/m:latest", 0 },
    { "_a-b.c:d-e.f", "_a-b.c:d-e.f", 0 },
    { "my-cloud-model", "my-cloud-model:latest", 0 },
    { "my-cloud", "my-cloud:latest", 0 },
    { "gpt-oss:clod", "gpt-oss:clod", 0 },
    { P80 ":" P80, P80 ":" P80, 0 },
    { P350 "/" P80 "/" P80 ":" P80, P350 "/" P80 "/" P80 ":" P80, 0 },

    { "gpt-oss:cloud", "gpt-oss:cloud", 1 },
    { "gpt-oss:CLOUD", "gpt-oss:cloud", 1 },
    { "gpt-oss:20b:cloud", "gpt-oss:20b-cloud", 1 },
    { "gpt-oss:20b-Cloud", "gpt-oss:20b-cloud", 1 },
    { "gpt-oss: cloud", "gpt-oss:cloud", 1 },
    { "user/m:cloud", "user/m:cloud", 1 },
    { P350 "/" P80 "/" P80 ":" P80 "-cloud",
      P350 "/" P80 "/" P80 ":" P80 "-cloud", 1 },

    { "foo:cloud:local", NULL, 0 },
    { "foo:local:cloud", NULL, 0 },
    { "foo:local:local", NULL, 0 },
    { "foo:x-cloud:local", NULL, 0 },
    { "foo:-cloud", NULL, 0 },
    { ":cloud", NULL, 0 },
    { "::cloud", NULL, 0 },
    { "a/b/c/d", NULL, 0 },
    { "/llama3", NULL, 0 },
    { "llama3/", NULL, 0 },
    { "a//b", NULL, 0 },
    { "//b", NULL, 0 },
    { "llama3:", NULL, 0 },
    { ":latest", NULL, 0 },
    { "/", NULL, 0 },
    { ":", NULL, 0 },
    { "http://llama3", NULL, 0 },
    { "http://user/llama3", NULL, 0 },
    { "ftp://hf.co/user/m", NULL, 0 },
    { "llama3@sha256:0000", NULL, 0 },
    { "@sha256:0000", NULL, 0 },
    { "sha256:0000@", NULL, 0 },
    { "llama 3", NULL, 0 },
    { "llama3 :local", NULL, 0 },
    { "-llama3", NULL, 0 },
    { ".llama3", NULL, 0 },
    { "user.name/llama3", NULL, 0 },
    { "hf.co/llama3", NULL, 0 },
    { "a:b:c", NULL, 0 },
    { "llama3:a/b", NULL, 0 },
    { "../llama3", NULL, 0 },
    { "llama3:..", NULL, 0 },
    { "llam\xc3\xa1", NULL, 0 },
    { "\xe2\x84\xaamodel", NULL, 0 },
    { P80 "p", NULL, 0 },
    { "m:" P80 "p", NULL, 0 },
    { P80 "p/m", NULL, 0 },
    { P350 "p/n/m", NULL, 0 }
};


static void
canonical(void)
{
    int             rc;
    size_t          i;
    ai_api_str_t    s, name;
    ai_api_model_t  m, again;

    for (i = 0; i < ai_api_nelts(names); i++) {
        s = ai_api_strz(names[i].name);
        rc = ai_api_model_parse(&m, &s);

        if (names[i].expected == NULL) {
            T_CHECK(rc == AI_API_INVALID, "%s: %d", names[i].name, rc);
            continue;
        }

        name = ai_api_model_name(&m);

        T_CHECK(rc == AI_API_OK, "%s: %d", names[i].name, rc);
        T_CHECK(ai_api_str_eqz(&name, names[i].expected), "%s: %.*s",
                names[i].name, (int) name.len, name.data);
        T_CHECK(m.cloud == names[i].cloud, "%s", names[i].name);

        /* the canonical name stands for itself */

        rc = ai_api_model_parse(&again, &name);
        name = ai_api_model_name(&again);
        T_CHECK(rc == AI_API_OK && again.cloud == m.cloud
                && ai_api_str_eqz(&name, names[i].expected), "%s",
                names[i].name);
    }

    s = ai_api_strz(" \xc2\xa0\t");
    T_CHECK(ai_api_model_parse(&m, &s) == AI_API_DECLINED, "white space");
    s.len = 0;
    s.data = NULL;
    T_CHECK(ai_api_model_parse(&m, &s) == AI_API_DECLINED, "empty");
}


static void
family(void)
{
    size_t                        i;
    ai_api_str_t                  s, name;
    ai_api_model_t                m;
    ai_api_price_table_t          table;
    const ai_api_price_family_t  *f;
    static const char            *rows[][2] = {
        { "llama3", "Llama3" },
        { "llama3.2:1b", "Llama3" },
        { "LLAMA3-chatqa", "Llama3" },
        { "llama2-uncensored", "Llama2" },
        { "mistral-nemo", "Mistral" },
        { "mixtral:8x7b", "Mixtral" },
        { "gemma3:270m", "Gemma" },
        { "gemma", "Gemma" },
        { "codellama", "other" },
        { "llama", "other" },
        { "llama3x", "other" },
        { "gemmax", "other" },
        { "user/llama3-ft", "Llama3" },
        { "hf.co/u/llama3-GGUF", "Llama3" },
        { "llama3/other", "other" },
        { "x:llama3", "other" }
    };

    ai_api_price_init(&table);

    for (i = 0; i < ai_api_nelts(rows); i++) {
        s = ai_api_strz(rows[i][0]);
        T_CHECK(ai_api_model_parse(&m, &s) == AI_API_OK, "%s", rows[i][0]);

        name = ai_api_model_name(&m);
        f = ai_api_price_find(&table, &name);
        T_CHECK(ai_api_str_eqz(&f->name, rows[i][1]), "%s: %.*s", rows[i][0],
                (int) f->name.len, f->name.data);
    }
}


static const struct {
    const char  *pattern;
    const char  *name;
    int          match;        /* -1: the pattern is malformed */
} matches[] = {
    { "llama3", "llama3", 1 },
    { "llama3", "LLAMA3:latest", 1 },
    { "Library/Llama3", "llama3", 1 },
    { " llama3:8b ", "llama3:8b", 1 },
    { "llama3", "llama3:8b", 0 },
    { "llama3", "user/llama3", 0 },
    { "llama3", "hf.co/library/llama3", 0 },
    { "hf.co/u/m", "hf.co/u/m", 1 },
    { "llama3*", "llama3:8b", 1 },
    { "LLama3*", "llama3.2:1b", 1 },
    { "llama3:*", "llama3:8b", 1 },
    { "llama3:*", "llama3.2:1b", 0 },
    { "llama3*", "user/llama3", 0 },
    { "library/llama3*", "llama3", 1 },
    { "registry.ollama.ai/library/llama3*", "llama3", 1 },
    { "user/*", "user/llama3", 1 },
    { "user/*", "users/llama3", 0 },
    { "*", "hf.co/u/m", 1 },
    { "gpt-oss*", "gpt-oss:20b-cloud", 1 },
    { "gpt-oss:cloud", "gpt-oss:cloud", 1 },
    { "gpt-oss", "gpt-oss:cloud", 0 },
    { "", "llama3", -1 },
    { "a b", "llama3", -1 },
    { "ll*ma*", "llama3", -1 },
    { "ll ma*", "llama3", -1 },
    { "llama3@*", "llama3", -1 }
};


static void
patterns(void)
{
    int             rc, match;
    size_t          i;
    ai_api_str_t    s, pattern, list[2];
    ai_api_model_t  m;

    for (i = 0; i < ai_api_nelts(matches); i++) {
        pattern = ai_api_strz(matches[i].pattern);
        s = ai_api_strz(matches[i].name);

        T_CHECK(ai_api_model_parse(&m, &s) == AI_API_OK, "%s",
                matches[i].name);

        rc = ai_api_model_pattern_check(&pattern);
        T_CHECK((rc == AI_API_OK) == (matches[i].match != -1), "%s: %d",
                matches[i].pattern, rc);

        match = ai_api_model_match(&m, &pattern);
        T_CHECK(match == (matches[i].match == 1), "%s, %s: %d",
                matches[i].pattern, matches[i].name, match);
    }

    s = ai_api_strz("llama3");
    (void) ai_api_model_parse(&m, &s);
    list[0] = ai_api_strz("gemma*");
    list[1] = ai_api_strz("llama3");

    T_CHECK(ai_api_model_allowed(&m, list, 2) == 1, "second");
    T_CHECK(ai_api_model_allowed(&m, list, 1) == 0, "first");
    T_CHECK(ai_api_model_allowed(&m, NULL, 0) == 0, "none");
}


int
main(void)
{
    T_GROUP(canonical);
    T_GROUP(family);
    T_GROUP(patterns);

    T_DONE();
}
