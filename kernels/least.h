// The least of a run by a key that is dear to compute or to keep: gone over about once, however many are wanted.
#pragma once
#include "kernel.h"

constexpr int most_lots = 256;  // scratch of a team: a double and a float for each lot

// out[i] = the place of the i-th least key(0) … key(n-1), of equal ones the first; -1 where no key below infinity is left. The run is dealt
// out to lots, place by place: the next least one is the best of the lots' best, and then its lot alone is looked through again. key gives
// the same bits wherever it is compiled into: a double that was rounded once.
template <class Key>
FN void least_of_run(int* out, int wanted, int n, Key key, double* best, float* first) {
    const int lots = m_min(most_lots, n);
    LANE_LOOP (c, lots) {
        best[c] = (double)INFINITY;
        first[c] = 0;
    }
    for (int from = 0; from < n; from += lots) {
        LANE_LOOP (c, m_min(lots, n - from)) {
            const double k = key(from + c);
            first[c] = k < best[c] ? (float)(from + c) : first[c];
            best[c] = k < best[c] ? k : best[c];
        }
    }
    for (int i = 0; i < wanted; ++i) {
        const double k = team_min_index<double>(lots, [&](int c) { return best[c]; }).value;
        const int lot = team_min_index<float>(lots, [&](int c) { return best[c] == k ? first[c] : INFINITY; }).index;
        const int place = k < (double)INFINITY ? (int)first[lot] : -1;
        const auto left = [&](int j) {
            const int other = lot + j * lots;
            const double e = key(other);
            return e > k || (e == k && other > place) ? e : (double)INFINITY;
        };
        const MinIndex<double> next = team_min_index<double>(place < 0 ? 0 : (n - lot + lots - 1) / lots, left);
        LANE_ZERO {
            out[i] = place;
            if (place >= 0) {
                best[lot] = next.value;
                first[lot] = (float)(lot + next.index * lots);
            }
        }
    }
}
