#include "hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

/* Looked up once: SHA256() and EVP_sha256() do so at each call, which costs more than the hash. */
static const EVP_MD *algorithm;

static void fetch(void) {
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!algorithm)
        abort();
}

static const EVP_MD *sha256_algorithm(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    return algorithm;
}

void sha256(const void *data, size_t size, unsigned char out[SHA256_SIZE]) {
    if (!EVP_Digest(data, size, out, NULL, sha256_algorithm(), NULL))
        abort();
}

void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                 unsigned char out[SHA256_SIZE]) {
    if (!HMAC(sha256_algorithm(), key, (int)key_size, data, size, out, NULL))
        abort();
}

void hex_encode(const unsigned char *data, size_t size, char *out) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = hex[data[i] >> 4];
        *out++ = hex[data[i] & 15];
    }
    *out = '\0';
}

struct sha256_ctx *sha256_ctx_create(void) {
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!c || !EVP_DigestInit_ex(c, sha256_algorithm(), NULL))
        abort();
    return (struct sha256_ctx *)c;
}

void sha256_ctx_add(struct sha256_ctx *c, const void *data, size_t size) {
    if (!EVP_DigestUpdate((EVP_MD_CTX *)c, data, size))
        abort();
}

void sha256_ctx_final(struct sha256_ctx *c, unsigned char out[SHA256_SIZE]) {
    if (!EVP_DigestFinal_ex((EVP_MD_CTX *)c, out, NULL))
        abort();
    EVP_MD_CTX_free((EVP_MD_CTX *)c);
}

uint64_t hash_head64(const unsigned char digest[SHA256_SIZE]) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | digest[i];
    return v;
}
