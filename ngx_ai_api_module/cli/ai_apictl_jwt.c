#include "ai_apictl_commands.h"
#include "ai_apictl_units.h"
#include "ai_api_jwt.h"
#include "ai_api_str.h"


#define AI_APICTL_JWT_EXPIRES  3600
#define AI_APICTL_JWT_FILE     131072


static int ai_apictl_cmd_jwt_issue(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_jwt_conf(ai_apictl_t *ctl, ai_api_jwt_conf_t *conf,
    int *admin, int64_t *seconds);
static int ai_apictl_jwt_sign(ai_apictl_t *ctl, const char *user,
    const ai_api_jwt_conf_t *conf, int admin, int64_t seconds);
static int ai_apictl_jwt_keys(ai_apictl_t *ctl, ai_api_jwt_keys_t **keys);
static ai_api_str_t ai_apictl_jwt_value(ai_apictl_t *ctl, const char *name);


static const ai_apictl_option_t  ai_apictl_jwt_options[] = {
    { "key-file", 'k', "FILE", "as ai_api_jwt_key_file has it" },
    { "sub", 'u', "USER", "who it is for" },
    { "role", 'r', "ROLE", "admin or user; user" },
    { "expires", 'e', "TIME", "how long it is good for; 1h" },
    { "alg", 0, "NAME", "HS256, HS384 or HS512 for a raw secret; HS256" },
    { "issuer", 0, "TEXT", "as ai_api_jwt_issuer has it" },
    { "audience", 0, "TEXT", "as ai_api_jwt_audience has it" },
    { "user-claim", 0, "NAME", "as ai_api_jwt_user_claim has it; sub" },
    { "role-claim", 0, "NAME", "as ai_api_jwt_role_claim has it; role" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_jwt_commands[] = {
    { "jwt issue", "", 0, 0, 0, ai_apictl_cmd_jwt_issue,
      ai_apictl_jwt_options, "sign a token, for trials" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_jwt_issue(ai_apictl_t *ctl, int argc, char **argv)
{
    int                 admin, code;
    int64_t             seconds;
    const char         *user;
    ai_api_jwt_conf_t   conf;

    (void) argc;
    (void) argv;

    user = ai_apictl_value(ctl, "sub");

    if (user == NULL || ai_apictl_value(ctl, "key-file") == NULL) {
        return ai_apictl_error(AI_APICTL_USAGE, "jwt issue: give --sub USER "
                               "and --key-file FILE");
    }

    code = ai_apictl_jwt_conf(ctl, &conf, &admin, &seconds);

    return (code == AI_APICTL_OK)
           ? ai_apictl_jwt_sign(ctl, user, &conf, admin, seconds) : code;
}


static int
ai_apictl_jwt_conf(ai_apictl_t *ctl, ai_api_jwt_conf_t *conf, int *admin,
    int64_t *seconds)
{
    const char    *expires;
    ai_api_str_t   role;

    memset(conf, 0, sizeof(ai_api_jwt_conf_t));

    conf->issuer = ai_apictl_jwt_value(ctl, "issuer");
    conf->audience = ai_apictl_jwt_value(ctl, "audience");
    conf->user_claim = ai_apictl_jwt_value(ctl, "user-claim");
    conf->role_claim = ai_apictl_jwt_value(ctl, "role-claim");

    role = ai_apictl_jwt_value(ctl, "role");
    *admin = ai_api_str_eqz(&role, "admin");

    if (!*admin && role.len != 0 && !ai_api_str_eqz(&role, "user")) {
        return ai_apictl_error(AI_APICTL_USAGE, "--role is admin or user");
    }

    expires = ai_apictl_value(ctl, "expires");
    *seconds = AI_APICTL_JWT_EXPIRES;

    if (expires != NULL
        && (ai_apictl_duration(expires, seconds) != AI_API_OK
            || *seconds == 0))
    {
        return ai_apictl_error(AI_APICTL_USAGE, "--expires %s: not a time "
                               "such as 12h", expires);
    }

    return AI_APICTL_OK;
}


static ai_api_str_t
ai_apictl_jwt_value(ai_apictl_t *ctl, const char *name)
{
    const char    *value;
    ai_api_str_t   none = ai_api_null_str;

    value = ai_apictl_value(ctl, name);

    return (value != NULL) ? ai_api_strz(value) : none;
}


static int
ai_apictl_jwt_sign(ai_apictl_t *ctl, const char *user,
    const ai_api_jwt_conf_t *conf, int admin, int64_t seconds)
{
    int                 code, rc;
    int64_t             now;
    ai_api_str_t        name, token;
    ai_api_buf_t        b;
    ai_api_jwt_keys_t  *keys;

    code = ai_apictl_jwt_keys(ctl, &keys);

    if (code != AI_APICTL_OK) {
        return code;
    }

    now = ai_apictl_now() / 1000;
    name = ai_api_strz(user);
    ai_api_buf_init(&b, AI_API_JWT_MAX, NULL);

    rc = ai_api_jwt_sign(keys, conf, &name, admin, now, now + seconds, &b);
    ai_api_jwt_keys_destroy(keys);

    if (rc != AI_API_OK) {
        ai_api_buf_free(&b);

        return ai_apictl_error(AI_APICTL_USAGE, "no token: %s",
                               (rc == AI_API_INVALID)
                               ? "--sub is no user's name"
                               : ai_api_strerror(rc));
    }

    token = ai_api_buf_str(&b);

    if (ctl->json) {
        ai_api_json_begin(&ctl->out, '{');
        ai_api_json_member_str(&ctl->out, "token", &token);
        ai_api_json_member_time(&ctl->out, "expiresAt",
                                (now + seconds) * 1000);
        ai_api_json_end(&ctl->out, '}');

    } else {
        ai_api_buf_str_append(&ctl->out, &token);
    }

    ai_api_buf_char(&ctl->out, '\n');
    ai_api_cleanse(b.data, b.len);
    ai_api_buf_free(&b);

    return AI_APICTL_OK;
}


static int
ai_apictl_jwt_keys(ai_apictl_t *ctl, ai_api_jwt_keys_t **keys)
{
    int            code;
    const char    *error, *path;
    ai_api_str_t   alg, text;
    ai_api_buf_t   file;

    path = ai_apictl_value(ctl, "key-file");
    ai_api_buf_init(&file, AI_APICTL_JWT_FILE, NULL);

    code = ai_apictl_secret(path, &file);

    if (code == AI_APICTL_OK) {
        alg = ai_apictl_jwt_value(ctl, "alg");
        text = ai_api_buf_str(&file);
        error = "cannot be used";

        if (ai_api_jwt_keys_create(keys, &text, &alg, &error) != AI_API_OK) {
            code = ai_apictl_error(AI_APICTL_FAILED, "key file %s: %s", path,
                                   error);
        }
    }

    ai_api_cleanse(file.data, file.len);
    ai_api_buf_free(&file);

    return code;
}
