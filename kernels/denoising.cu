#include "box.h"

// Contrastive denoising (Zhang et al., DINO, 2023): queries that stand near an object and shall find back to it, and others a little
// farther away that shall not. Slot r * objects + j of an image stands for copy r of object j: an even copy is a positive, an odd one a
// negative. A slot beyond the image's objects has no content (label -1) and box logits of zero, and counts as background.
//
// Row r * T + t of the random numbers is for copy r of object t, where the T objects of all images are counted through: the numbers of a
// recorded batch can be put in.

// Corner c of a box moves by up to half its width or height; a negative's by between half and the whole.
FN acc moved(acc x, acc side, acc sign, acc size, int is_negative, acc box_noise) {
    const acc step = (is_negative ? size + acc(1) : size) * (sign < acc(0.5) ? acc(-1) : acc(1));
    return m_clamp(x + step * (side / 2) * box_noise, acc(0), acc(1));
}

FN acc logit(acc x) {
    const acc v = m_clamp(x, acc(0), acc(1)), eps = acc(1e-3);
    return m_log(m_max(v, eps) / m_max(acc(1) - v, eps));
}

KERNEL(denoising_queries, int* labels, acc* logits, int* match,  // [images, slots], [images, slots, 4] of (cx, cy, w, h), [images, slots]
       const acc* boxes, const int* truth_labels, const int* counts, const acc* sizes,  // [images, most, 4] …, [images, 2] (height, width)
       const acc* chance, const acc* label, const acc* sign, const acc* size,           // [rows], [rows], [rows, 4], [rows, 4]: in [0, 1)
       int images, int most, int objects, int slots, int classes, float label_noise, float box_noise) {
    ELEMENT_LOOP (i, (index_t)images * slots) {
        const int image = (int)(i / slots), copy = (int)(i % slots) / objects, j = (int)(i % slots) % objects, is_negative = copy & 1;
        int before = 0, total = 0;
        for (int k = 0; k < images; ++k) {
            before += k < image ? counts[k] : 0;
            total += counts[k];
        }
        acc* y = logits + 4 * i;
        if (j >= counts[image]) {
            labels[i] = match[i] = -1;
            y[0] = y[1] = y[2] = y[3] = 0;
        } else {
            const index_t row = (index_t)copy * total + before + j, object = (index_t)image * most + j;
            const acc *b = boxes + object * 4, *s = sign + row * 4, *u = size + row * 4;
            const acc h = sizes[2 * image], w = sizes[2 * image + 1], bw = (b[2] - b[0]) / w, bh = (b[3] - b[1]) / h;
            const acc x1 = moved(b[0] / w, bw, s[0], u[0], is_negative, box_noise),
                      y1 = moved(b[1] / h, bh, s[1], u[1], is_negative, box_noise);
            const acc x2 = moved(b[2] / w, bw, s[2], u[2], is_negative, box_noise),
                      y2 = moved(b[3] / h, bh, s[3], u[3], is_negative, box_noise);
            y[0] = logit((x1 + x2) / 2);
            y[1] = logit((y1 + y2) / 2);
            y[2] = logit(x2 - x1);
            y[3] = logit(y2 - y1);
            labels[i] =
                chance[row] < acc(0.5) * (acc)label_noise ? m_min((int)(label[row] * (acc)classes), classes - 1) : truth_labels[object];
            match[i] = is_negative ? -1 : j;
        }
    }
}
