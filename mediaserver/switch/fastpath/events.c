/* The ring of events from the thread to Python: keys and ends of plays are never lost, audio may be. */

#include <string.h>
#include <unistd.h>

#include "internal.h"

static void ring_put(clarion_pump *p, size_t at, const void *data, size_t length) {
    size_t start = at & (RING - 1), first = RING - start;
    if (first > length) first = length;
    memcpy(p->ring + start, data, first);
    memcpy(p->ring, (const uint8_t *)data + first, length - first);
}

static void ring_get(clarion_pump *p, size_t at, void *data, size_t length) {
    size_t start = at & (RING - 1), first = RING - start;
    if (first > length) first = length;
    memcpy(data, p->ring + start, first);
    memcpy((uint8_t *)data + first, p->ring, length - first);
}

int tell(clarion_pump *p, uint32_t kind, uint32_t number, uint32_t a, uint32_t b, const void *data, size_t length) {
    size_t size = (sizeof(clarion_event) + length + 7) & ~(size_t)7;
    size_t room = RING - (p->head - p->tail);
    if (size + (kind == CLARION_AUDIO || kind == CLARION_SPOKEN ? RESERVE : 0) > room) return 0;
    clarion_event event = {(uint32_t)size, kind, number, a, b, (uint32_t)length};
    ring_put(p, p->head, &event, sizeof event);
    if (length) ring_put(p, p->head + sizeof event, data, length);
    p->head += size;
    p->told = 1;
    return 1;
}

void notify(clarion_pump *p) {
    uint64_t one = 1;
    if (p->told && write(p->notify, &one, sizeof one) == sizeof one) p->told = 0;
}

size_t clarion_events(clarion_pump *p, uint8_t *buffer, size_t room) {
    size_t taken = 0;
    pthread_mutex_lock(&p->lock);
    while (p->tail < p->head) {
        clarion_event event;
        ring_get(p, p->tail, &event, sizeof event);
        if (taken + event.size > room) break;
        ring_get(p, p->tail, buffer + taken, event.size);
        p->tail += event.size;
        taken += event.size;
    }
    if (p->tail < p->head) p->told = 1;
    pthread_mutex_unlock(&p->lock);
    return taken;
}

void clarion_totals_of(clarion_pump *p, clarion_totals *out) {
    pthread_mutex_lock(&p->lock);
    *out = p->totals;
    pthread_mutex_unlock(&p->lock);
}
