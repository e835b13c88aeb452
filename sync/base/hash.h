/* SHA-256 over libcrypto. */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_HEX_SIZE 65

void sha256(const void *data, size_t size, unsigned char out[SHA256_SIZE]);
void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                 unsigned char out[SHA256_SIZE]);
void hex_encode(const unsigned char *data, size_t size, char *out); /* 2 × size + 1 bytes */

/* An incremental hash; sha256_ctx_final destroys it. */
struct sha256_ctx;
struct sha256_ctx *sha256_ctx_create(void);
void sha256_ctx_add(struct sha256_ctx *c, const void *data, size_t size);
void sha256_ctx_final(struct sha256_ctx *c, unsigned char out[SHA256_SIZE]);

/* First 8 bytes of a SHA-256, big-endian: the feed's and the heads' entity sums. */
uint64_t hash_head64(const unsigned char digest[SHA256_SIZE]);

#endif
