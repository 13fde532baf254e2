#include "kernel.h"

// Which queries the queries [begin, begin + count) do not see: all but their own group and, for denoising queries, the main ones. Denoising
// queries are `parts` groups of one size behind each other. A query of match -2 fills a gap: nobody sees it, and it sees nobody.
KERNEL(blocked_queries_forward, uint8_t* blocked, const int* match,  // [images, queries, queries], [images, queries] or absent
       index_t images, int queries, int begin, int count, int parts, int main_begin, int main_count) {
    TEAM_LOOP (t, images * count) {
        const index_t image = t / count;
        const int row = begin + (int)(t % count), size = count / parts, own = begin + (row - begin) / size * size;
        const int* m = match ? match + image * queries : nullptr;
        const bool fills = m && m[row] == -2;
        uint8_t* to = blocked + (image * queries + row) * queries;
        LANE_LOOP (j, queries) {
            const bool is_seen = (j >= own && j < own + size) || (j >= main_begin && j < main_begin + main_count);
            to[j] = !is_seen || fills || (m && m[j] == -2);
        }
    }
}
