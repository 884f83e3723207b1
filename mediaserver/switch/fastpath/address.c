/* Numeric addresses of both families. */

#include <arpa/inet.h>
#include <string.h>

#include "internal.h"

int resolve(address *to, const char *host, uint16_t port) {
    memset(to, 0, sizeof *to);
    struct sockaddr_in *four = (void *)&to->at;
    struct sockaddr_in6 *six = (void *)&to->at;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        to->length = sizeof *four;
        return 1;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        to->length = sizeof *six;
        return 1;
    }
    return 0;
}

static uint16_t port_of(const address *a) {
    return a->at.ss_family == AF_INET ? ((const struct sockaddr_in *)&a->at)->sin_port
                                      : ((const struct sockaddr_in6 *)&a->at)->sin6_port;
}

int same_host(const address *one, const address *other) {
    if (one->at.ss_family != other->at.ss_family) return 0;
    if (one->at.ss_family == AF_INET)
        return ((const struct sockaddr_in *)&one->at)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)&other->at)->sin_addr.s_addr;
    return !memcmp(&((const struct sockaddr_in6 *)&one->at)->sin6_addr,
                   &((const struct sockaddr_in6 *)&other->at)->sin6_addr, sizeof(struct in6_addr));
}

int same(const address *one, const address *other) {
    return same_host(one, other) && port_of(one) == port_of(other);
}
