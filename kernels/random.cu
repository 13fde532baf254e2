#include "kernel.h"

// Random numbers by counter: number i of a stream depends on the seed, the stream and i alone, so that every device and any number of
// workers draw the same ones. Philox 4x32 with ten rounds (Salmon et al., 2011).
struct Four {
    unsigned v[4];
};

FN Four philox(Four x, unsigned k0, unsigned k1) {
    for (int round = 0; round < 10; ++round) {
        const unsigned long long a = 0xD2511F53ull * x.v[0], b = 0xCD9E8D57ull * x.v[2];
        x = {{(unsigned)(b >> 32) ^ x.v[1] ^ k0, (unsigned)b, (unsigned)(a >> 32) ^ x.v[3] ^ k1, (unsigned)a}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return x;
}

// Uniform in [0, 1), 24 bits each.
KERNEL(random_uniform, acc* y, const int* seed,  // [n], [2]
       index_t n, int stream) {
    ELEMENT_LOOP (block, (n + 3) / 4) {
        const Four bits = philox({{(unsigned)block, (unsigned)(block >> 32), (unsigned)stream, 0}}, (unsigned)seed[0], (unsigned)seed[1]);
        for (int i = 0; i < 4 && 4 * block + i < n; ++i) y[4 * block + i] = (acc)(bits.v[i] >> 8) * acc(5.9604644775390625e-8);
    }
}
