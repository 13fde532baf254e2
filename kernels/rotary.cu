#include "functions.h"

// Rotary position embedding of maps (Su et al., 2021, in two dimensions). A head has 4 · pairs channels: the first half turns with the
// cell's row, the second with its column, neighbours together: (a, b) becomes (a cos - b sin, b cos + a sin).

// Cosines, then sines of each row's angles and then of each column's: [2, rows + columns, pairs]. Pair j of position p of n turns by
// p / n · span · theta^(-j / pairs).
KERNEL(rotary_table, acc* table, int rows, int columns, int pairs, float span, float theta) {
    const int all = (rows + columns) * pairs;
    ELEMENT_LOOP (i, all) {
        const int at = (int)i / pairs, p = at < rows ? at : at - rows, n = at < rows ? rows : columns;
        const double frequency = m_exp(-(double)(i % pairs) / pairs * m_log((double)theta));
        const acc angle = (acc)p / (acc)n * (acc)span * (acc)frequency;  // rounded step by step, as published weights were trained with
        table[i] = m_cos(angle);
        table[all + i] = m_sin(angle);
    }
}

// Positions repeat after `rows` and `columns` cells. One team per cell; sign -1 turns back.
KERNEL(rotary_turn, real* y, const real* x, const acc* table,  // [batch, height, width, heads · 4 · pairs], [2, rows + columns, pairs]
       index_t batch, int height, int width, int heads, int pairs, int rows, int columns, int sign) {
    const int half = 2 * pairs, sines = (rows + columns) * pairs;  // pairs of a head; from a cosine to its sine
    TEAM_LOOP (t, batch * height * width) {
        TEAM_SCRATCH(acc, cosine, half);
        TEAM_SCRATCH(acc, sine, half);
        const int row = (int)(t / width % height) % rows, column = rows + (int)(t % width) % columns;
        LANE_LOOP (i, half) {
            const int at = i < pairs ? row * pairs + i : (column - 1) * pairs + i;
            cosine[i] = table[at];
            sine[i] = sign < 0 ? -table[at + sines] : table[at + sines];
        }
        GROUP_LOOP (h, heads, half) {
            const real* RESTRICT xr = x + (t * heads + h) * 2 * half;
            real* RESTRICT yr = y + (t * heads + h) * 2 * half;
            GROUP_LANES (i, half, h) {
                const acc a = (acc)xr[2 * i], b = (acc)xr[2 * i + 1];
                yr[2 * i] = (real)(a * cosine[i] - b * sine[i]);
                yr[2 * i + 1] = (real)(b * cosine[i] + a * sine[i]);
            }
        }
    }
}
