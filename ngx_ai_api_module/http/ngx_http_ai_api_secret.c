#include "ngx_http_ai_api_secret.h"

#include "ai_api_crypto.h"


static ngx_int_t ngx_http_ai_api_secret_check(ngx_conf_t *cf, ngx_fd_t fd,
    ngx_str_t *name, size_t *size);
static ngx_int_t ngx_http_ai_api_secret_load(ngx_conf_t *cf, ngx_fd_t fd,
    ngx_str_t *name, ngx_str_t *bytes);
static void ngx_http_ai_api_secret_cleanup(void *data);
static void ngx_http_ai_api_secret_jwt_cleanup(void *data);


ngx_int_t
ngx_http_ai_api_secret_read(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *bytes)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    /* O_NONBLOCK: a pipe in place of the file must not stop nginx */

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    rc = ngx_http_ai_api_secret_check(cf, fd, name, &bytes->len);

    if (rc == NGX_OK) {
        rc = ngx_http_ai_api_secret_load(cf, fd, name, bytes);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", name);
    }

    return rc;
}


static ngx_int_t
ngx_http_ai_api_secret_check(ngx_conf_t *cf, ngx_fd_t fd, ngx_str_t *name,
    size_t *size)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "secret file \"%V\" is not a regular file", name);
        return NGX_ERROR;
    }

    if (ngx_file_size(&fi) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "secret file \"%V\" is empty", name);
        return NGX_ERROR;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_AI_API_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "secret file \"%V\" is larger than %d bytes", name,
                           NGX_HTTP_AI_API_SECRET_MAX);
        return NGX_ERROR;
    }

    if (fi.st_mode & (S_IRWXG|S_IRWXO)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "secret file \"%V\" is open to its group or to "
                           "others, its mode should be 0600", name);
    }

    *size = (size_t) ngx_file_size(&fi);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_secret_load(ngx_conf_t *cf, ngx_fd_t fd, ngx_str_t *name,
    ngx_str_t *bytes)
{
    size_t               done;
    ssize_t              n;
    ngx_str_t           *secret;
    ngx_pool_cleanup_t  *cln;

    bytes->data = ngx_pnalloc(cf->pool, bytes->len);
    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_str_t));

    if (bytes->data == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    secret = cln->data;
    *secret = *bytes;
    cln->handler = ngx_http_ai_api_secret_cleanup;

    for (done = 0; done < bytes->len; done += n) {
        n = ngx_read_fd(fd, bytes->data + done, bytes->len - done);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               ngx_read_fd_n " \"%V\" failed", name);
            return NGX_ERROR;
        }

        if (n == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               ngx_read_fd_n " \"%V\" returned only "
                               "%uz bytes instead of %uz",
                               name, done, bytes->len);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_ai_api_secret_cleanup(void *data)
{
    ngx_str_t  *secret = data;

    ai_api_cleanse(secret->data, secret->len);
}


void
ngx_http_ai_api_secret_chomp(ngx_str_t *bytes)
{
    if (bytes->len != 0 && bytes->data[bytes->len - 1] == LF) {
        bytes->len--;

        if (bytes->len != 0 && bytes->data[bytes->len - 1] == CR) {
            bytes->len--;
        }
    }
}


ngx_http_ai_api_jwt_file_t *
ngx_http_ai_api_secret_jwt(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *alg)
{
    int                          rc;
    const char                  *error;
    ai_api_str_t                 secret, a;
    ai_api_jwt_keys_t           *keys;
    ngx_pool_cleanup_t          *cln;
    ngx_http_ai_api_jwt_file_t  *f;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_ai_api_jwt_file_t));
    if (cln == NULL) {
        return NULL;
    }

    f = cln->data;
    ngx_memzero(f, sizeof(ngx_http_ai_api_jwt_file_t));

    f->name = *name;
    f->alg = *alg;

    if (ngx_http_ai_api_secret_read(cf, &f->name, &f->secret) != NGX_OK) {
        return NULL;
    }

    secret = ngx_http_ai_api_str(&f->secret);
    a = ngx_http_ai_api_str(&f->alg);
    error = "no memory";

    rc = ai_api_jwt_keys_create(&keys, &secret, &a, &error);

    if (rc != AI_API_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "JWT key file \"%V\": %s", &f->name, error);
        return NULL;
    }

    /* handles belong to one process: each worker makes its own */

    ai_api_jwt_keys_destroy(keys);

    cln->handler = ngx_http_ai_api_secret_jwt_cleanup;

    return f;
}


static void
ngx_http_ai_api_secret_jwt_cleanup(void *data)
{
    ngx_http_ai_api_jwt_file_t  *f = data;

    ai_api_jwt_keys_destroy(f->keys);
    f->keys = NULL;
}


ai_api_jwt_keys_t *
ngx_http_ai_api_secret_jwt_keys(ngx_http_ai_api_jwt_file_t *f)
{
    const char    *error;
    ai_api_str_t   secret, alg;

    if (f->keys == NULL) {
        secret = ngx_http_ai_api_str(&f->secret);
        alg = ngx_http_ai_api_str(&f->alg);

        if (ai_api_jwt_keys_create(&f->keys, &secret, &alg, &error)
            != AI_API_OK)
        {
            f->keys = NULL;
        }
    }

    return f->keys;
}
