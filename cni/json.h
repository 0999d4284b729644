/*
 * As much JSON and UTF-8 as the plugin needs: escape bytes into a JSON string, check that a text
 * is one JSON object, find one member of it. Nothing is allocated or changed, every end is
 * exclusive, and every function stays inside the two pointers that it is given.
 */
#ifndef ORBWEAVER_JSON_H
#define ORBWEAVER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays inside each other, the outermost included. It bounds the recursion below. */
#define JSON_DEPTH_MAX 128

/* The longest that one byte becomes inside a JSON string: \u001f. */
#define JSON_ESCAPE_GROWTH 6

/*
 * One step through UTF-8, with at < end. A positive n: a well-formed sequence of n bytes. A
 * negative n: -n bytes that together stand for one U+FFFD, the longest beginning of a sequence
 * that could have become well-formed (Unicode 15, table 3-7 and section 3.9; the same as the
 * Encoding Standard).
 */
static int utf8_step(const char *at, const char *end) {
    unsigned char lead = (unsigned char)at[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return -1;
    int length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    /* The second byte is what rules out overlong forms, surrogates and values above U+10FFFF. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (int i = 1; i < length; i++) {
        if (at + i == end) return -i;
        unsigned char byte = (unsigned char)at[i];
        if (byte < low || byte > high) return -i;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

/* The letter after the backslash for bytes that have a short escape, else 0. */
static char json_short_escape(char byte) {
    switch (byte) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

/*
 * Writes `length` bytes as the inside of a JSON string, without the quotes, and gives back where
 * it stopped. Ill-formed UTF-8 becomes U+FFFD. Needs JSON_ESCAPE_GROWTH * length bytes at `to`.
 */
static char *json_escape(char *to, const char *from, size_t length) {
    static const char hex[] = "0123456789abcdef";
    const char *end = from + length;
    while (from < end) {
        int step = utf8_step(from, end);
        char letter = json_short_escape(*from);
        if (step < 0) {
            *to++ = (char)0xef;
            *to++ = (char)0xbf;
            *to++ = (char)0xbd;
            from -= step;
        } else if (letter != 0) {
            *to++ = '\\';
            *to++ = letter;
            from++;
        } else if ((unsigned char)*from < 0x20) {
            *to++ = '\\';
            *to++ = 'u';
            *to++ = '0';
            *to++ = '0';
            *to++ = hex[*from >> 4];
            *to++ = hex[*from & 15];
            from++;
        } else {
            while (step-- > 0) *to++ = *from++;
        }
    }
    return to;
}

/* The byte at `at`, or -1 at the end. */
static int json_peek(const char *at, const char *end) {
    return at < end ? (unsigned char)*at : -1;
}

static const char *json_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

/*
 * The scanners below give back where their value ends, or NULL when there is no such value at
 * `at`.
 */

static const char *json_digits(const char *at, const char *end) {
    const char *first = at;
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at > first ? at : NULL;
}

static const char *json_number(const char *at, const char *end) {
    if (json_peek(at, end) == '-') at++;
    if (json_peek(at, end) == '0') at++;
    else if ((at = json_digits(at, end)) == NULL) return NULL;
    if (json_peek(at, end) == '.' && (at = json_digits(at + 1, end)) == NULL) return NULL;
    if (json_peek(at, end) == 'e' || json_peek(at, end) == 'E') {
        at++;
        if (json_peek(at, end) == '+' || json_peek(at, end) == '-') at++;
        return json_digits(at, end);
    }
    return at;
}

static bool json_is_hex(int byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

/* `at` is behind a backslash. */
static const char *json_after_escape(const char *at, const char *end) {
    switch (json_peek(at, end)) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return at + 1;
    case 'u':
        for (int i = 1; i <= 4; i++) {
            if (end - at <= i || !json_is_hex((unsigned char)at[i])) return NULL;
        }
        return at + 5;
    default:
        return NULL;
    }
}

static const char *json_string(const char *at, const char *end) {
    if (json_peek(at, end) != '"') return NULL;
    at++;
    while (at < end && *at != '"') {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at == '\\') {
            at = json_after_escape(at + 1, end);
            if (at == NULL) return NULL;
        } else {
            int step = utf8_step(at, end);
            if (step < 0) return NULL;
            at += step;
        }
    }
    return at < end ? at + 1 : NULL;
}

static const char *json_word(const char *at, const char *end, const char *word) {
    for (; *word != 0; word++, at++) {
        if (json_peek(at, end) != *word) return NULL;
    }
    return at;
}

/*
 * A member to look for. `name` is compared as it is written, quotes included; the last one of it
 * counts.
 */
struct json_member {
    const char *name;
    const char *first;
    const char *end;
};

static bool json_is_name(const char *at, const char *end, const char *name) {
    return json_word(at, end, name) == end;
}

static const char *json_value(const char *at, const char *end, int depth);

/*
 * `wanted` may be NULL. What was found stays in it even where the object turns out to be broken
 * further on: an error about a damaged config should still speak in the version that the config
 * asked for.
 */
static const char *json_object(const char *at, const char *end, int depth,
                               struct json_member *wanted) {
    if (depth == 0 || json_peek(at, end) != '{') return NULL;
    at = json_space(at + 1, end);
    if (json_peek(at, end) == '}') return at + 1;
    for (;;) {
        const char *name = at;
        const char *name_end = json_string(at, end);
        if (name_end == NULL) return NULL;
        at = json_space(name_end, end);
        if (json_peek(at, end) != ':') return NULL;
        const char *value = json_space(at + 1, end);
        at = json_value(value, end, depth - 1);
        if (at == NULL) return NULL;
        if (wanted != NULL && json_is_name(name, name_end, wanted->name)) {
            wanted->first = value;
            wanted->end = at;
        }
        at = json_space(at, end);
        if (json_peek(at, end) == '}') return at + 1;
        if (json_peek(at, end) != ',') return NULL;
        at = json_space(at + 1, end);
    }
}

static const char *json_array(const char *at, const char *end, int depth) {
    if (depth == 0) return NULL;
    at = json_space(at + 1, end);
    if (json_peek(at, end) == ']') return at + 1;
    for (;;) {
        at = json_value(at, end, depth - 1);
        if (at == NULL) return NULL;
        at = json_space(at, end);
        if (json_peek(at, end) == ']') return at + 1;
        if (json_peek(at, end) != ',') return NULL;
        at = json_space(at + 1, end);
    }
}

static const char *json_value(const char *at, const char *end, int depth) {
    switch (json_peek(at, end)) {
    case '{': return json_object(at, end, depth, NULL);
    case '[': return json_array(at, end, depth);
    case '"': return json_string(at, end);
    case 't': return json_word(at, end, "true");
    case 'f': return json_word(at, end, "false");
    case 'n': return json_word(at, end, "null");
    default: return json_number(at, end);
    }
}

/* True for exactly one JSON object with nothing but white space around it. */
static bool json_is_one_object(const char *text, size_t length) {
    const char *end = text + length;
    const char *at = json_object(json_space(text, end), end, JSON_DEPTH_MAX, NULL);
    return at != NULL && json_space(at, end) == end;
}

#endif
