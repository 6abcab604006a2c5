/* Growing text, for everything that prints: it is built whole, then written by the command line. */
#include "base/base.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(at_text *text, size_t more) {
    if (text->failed) return false;
    if (more < text->capacity - text->length && text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity - text->length <= more) {
        if (capacity > SIZE_MAX / 2) {
            text->failed = true;
            return false;
        }
        capacity *= 2;
    }
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void at_text_add_n(at_text *text, const char *piece, size_t length) {
    if (!reserve(text, length)) return;
    at_move(text->data + text->length, piece, length);
    text->length += length;
    text->data[text->length] = 0;
}

void at_text_add(at_text *text, const char *piece) { at_text_add_n(text, piece, strlen(piece)); }

void at_text_addf(at_text *text, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, list);
        text->length += (size_t)length;
    }
    va_end(list);
}

void at_text_pad(at_text *text, char c, int count) {
    if (count <= 0 || !reserve(text, (size_t)count)) return;
    memset(text->data + text->length, c, (size_t)count);
    text->length += (size_t)count;
    text->data[text->length] = 0;
}

void at_text_free(at_text *text) {
    free(text->data);
    *text = (at_text){0};
}

void at_text_real(double value, char *buffer) {
    if (isnan(value)) {
        strcpy(buffer, "nan");
        return;
    }
    if (isinf(value)) {
        strcpy(buffer, value < 0 ? "-inf" : "inf");
        return;
    }
    /* With 5 digits asked for, %g writes 20, not 2e+01; it leaves out zeros at the end itself. */
    bool usual = fabs(value) >= 1e-4 && fabs(value) < 1e5;
    for (int digits = usual ? 5 : 1; digits <= 17; digits++) {
        snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) break;
    }
    /* The caller's program may have chosen a locale with another point. */
    const char *point = localeconv()->decimal_point;
    char *at = strcmp(point, ".") == 0 ? NULL : strstr(buffer, point);
    if (at) {
        *at = '.';
        memmove(at + 1, at + strlen(point), strlen(at + strlen(point)) + 1);
    }
    /* 1e+06 reads worse than 1e6, and 3 would read back as an int. */
    char *exponent = strchr(buffer, 'e');
    if (exponent) {
        char *from = exponent + 1, *to = exponent + 1;
        if (*from == '+') from++;
        else if (*from == '-') *to++ = *from++;
        while (*from == '0' && from[1]) from++;
        memmove(to, from, strlen(from) + 1);
    } else if (!strchr(buffer, '.')) {
        strcat(buffer, ".0");
    }
}

/* Rows of the table of distances between prefixes, the last three: a swap looks two back. */
int at_text_distance(const char *a, const char *b, int limit) {
    size_t m = strlen(a), n = strlen(b);
    if (m > 63 || n > 63) return limit;
    int rows[3][64], *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= n; j++) row[j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        int *free_row = before;
        before = above;
        above = row;
        row = free_row;
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return row[n] < limit ? row[n] : limit;
}
