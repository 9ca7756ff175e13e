#define _GNU_SOURCE

#include "ai_apictl_commands.h"
#include "ai_apictl_units.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


static int ai_apictl_cmd_init(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_init_user(const char *name, ai_apictl_owner_t *owner);
static int ai_apictl_init_make(ai_apictl_t *ctl,
    const ai_api_store_conf_t *conf, const ai_apictl_owner_t *owner, int old);
static int ai_apictl_init_there(ai_apictl_t *ctl, ai_api_store_conf_t *conf,
    int *old);
static int ai_apictl_init_conf(ai_apictl_t *ctl, ai_api_store_conf_t *conf);
static int ai_apictl_init_whose(ai_apictl_t *ctl, int old,
    ai_apictl_owner_t *owner);


static const ai_apictl_option_t  ai_apictl_init_options[] = {
    { "user", 'u', "USER", "whom it is given to; required when run by root" },
    { "map-size", 'm', "SIZE", "as map_size of ai_api_store, 64g" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_store_commands[] = {
    { "init", "", 0, 0, 0, ai_apictl_cmd_init, ai_apictl_init_options,
      "make a new store, or bring an older one up to date" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_init(ai_apictl_t *ctl, int argc, char **argv)
{
    int                   code, old;
    ai_apictl_owner_t     owner;
    ai_api_store_conf_t   conf;

    (void) argc;
    (void) argv;

    if (ctl->dir == NULL || *ctl->dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "which store? give --store "
                               "DIR or set AI_API_STORE");
    }

    code = ai_apictl_init_conf(ctl, &conf);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_init_there(ctl, &conf, &old);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_init_whose(ctl, old, &owner);
    }

    return (code == AI_APICTL_OK) ? ai_apictl_init_make(ctl, &conf, &owner,
                                                        old)
                                  : code;
}


static int
ai_apictl_init_make(ai_apictl_t *ctl, const ai_api_store_conf_t *conf,
    const ai_apictl_owner_t *owner, int old)
{
    u_char                node[AI_API_NODE_ID_LEN];
    ai_api_store_error_t  e;

    if (ai_api_random(node, sizeof(node)) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "no random bytes");
    }

    if (ai_api_store_prepare(conf, owner->uid, owner->gid, node, &e)
        != AI_API_OK)
    {
        return ai_apictl_error(AI_APICTL_STORE, "%s", e.text);
    }

    if (ctl->json) {
        ai_api_json_begin(&ctl->out, '{');
        ai_api_json_member_z(&ctl->out, "store", ctl->dir);
        ai_api_json_member_int(&ctl->out, "schema", AI_API_STORE_SCHEMA);
        ai_api_json_member_bool(&ctl->out, "new", !old);
        ai_api_json_end(&ctl->out, '}');
        ai_apictl_printf(ctl, "\n");

    } else if (old) {
        ai_apictl_printf(ctl, "The store in %s has schema %d now.\n",
                         ctl->dir, AI_API_STORE_SCHEMA);

    } else {
        ai_apictl_printf(ctl, "A new store is in %s.\n", ctl->dir);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_init_conf(ai_apictl_t *ctl, ai_api_store_conf_t *conf)
{
    int64_t      size;
    const char  *value;

    memset(conf, 0, sizeof(ai_api_store_conf_t));
    conf->dir = ctl->dir;

    value = ai_apictl_value(ctl, "map-size");

    if (value == NULL) {
        return AI_APICTL_OK;
    }

    if (ai_apictl_size(value, &size) != AI_API_OK
        || size < (int64_t) AI_API_STORE_MAP_MIN)
    {
        return ai_apictl_error(AI_APICTL_USAGE, "--map-size %s: not a size "
                               "of 1m or more", value);
    }

    conf->map_size = (size_t) size;

    return AI_APICTL_OK;
}


/*
 * *old is 1 when there is a store of an older schema; what is up to date is
 * refused, it is not what was asked for.
 */

static int
ai_apictl_init_there(ai_apictl_t *ctl, ai_api_store_conf_t *conf, int *old)
{
    int                    code, n;
    char                   path[PATH_MAX];
    struct stat            st;
    ai_api_store_error_t   e;

    n = snprintf(path, sizeof(path), "%s/data.mdb", ctl->dir);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return ai_apictl_error(AI_APICTL_STORE, "the name of the store's "
                               "directory is too long");
    }

    *old = (lstat(path, &st) == 0);

    if (!*old) {
        return AI_APICTL_OK;
    }

    code = ai_apictl_become_owner(ctl);

    if (code != AI_APICTL_OK) {
        return code;
    }

    conf->map_size = AI_API_STORE_MAP_OWN;

    if (ai_api_store_check(conf, &e) == AI_API_OK
        && ai_api_store_open(conf, &ctl->store, &e) == AI_API_OK)
    {
        return ai_apictl_error(AI_APICTL_FAILED, "there is a store in %s "
                               "already", ctl->dir);
    }

    return (e.rc == AI_API_DECLINED) ? AI_APICTL_OK
           : ai_apictl_error(AI_APICTL_STORE, "%s", e.text);
}


/* in a directory of somebody else's root makes no files: links are there */

static int
ai_apictl_init_whose(ai_apictl_t *ctl, int old, ai_apictl_owner_t *owner)
{
    int          code;
    struct stat  st;

    if (old) {
        owner->uid = geteuid();
        owner->gid = getegid();

        return AI_APICTL_OK;
    }

    code = ai_apictl_owner(ctl, owner);

    if (code != AI_APICTL_OK || geteuid() != 0
        || stat(ctl->dir, &st) == -1 || st.st_uid == 0)
    {
        return code;
    }

    return ai_apictl_become(ctl, owner->uid, owner->gid);
}


/* root names the user, unless the directory has an owner already */

int
ai_apictl_owner(ai_apictl_t *ctl, ai_apictl_owner_t *owner)
{
    const char   *name;
    struct stat   st;

    owner->uid = geteuid();
    owner->gid = getegid();

    name = ai_apictl_value(ctl, "user");

    if (name != NULL) {
        return ai_apictl_init_user(name, owner);
    }

    if (geteuid() != 0) {
        return AI_APICTL_OK;
    }

    if (stat(ctl->dir, &st) == 0 && st.st_uid != 0) {
        owner->uid = st.st_uid;
        owner->gid = st.st_gid;

        return AI_APICTL_OK;
    }

    return ai_apictl_error(AI_APICTL_USAGE, "whose store? give --user USER, "
                           "the one that nginx's workers have (\"user\" in "
                           "nginx.conf)");
}


static int
ai_apictl_init_user(const char *name, ai_apictl_owner_t *owner)
{
    struct passwd  *pw;

    pw = getpwnam(name);

    if (pw == NULL) {
        return ai_apictl_error(AI_APICTL_USAGE, "there is no user %s", name);
    }

    if (geteuid() != 0 && geteuid() != pw->pw_uid) {
        return ai_apictl_error(AI_APICTL_USAGE, "only root can give a store "
                               "to %s", name);
    }

    owner->uid = pw->pw_uid;
    owner->gid = pw->pw_gid;

    return AI_APICTL_OK;
}
