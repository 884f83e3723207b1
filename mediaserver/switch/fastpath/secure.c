/* SRTP and SRTCP (RFC 3711) by libsrtp: keys by SDP (RFC 4568), replay window, rollover counter. Without the library
   there is none, and trunks that ask for it are refused. */

#include <stdlib.h>
#include <string.h>

#include "internal.h"

#if defined(__has_include)
#if __has_include(<srtp2/srtp.h>)
#define HAS_SRTP 1
#include <srtp2/srtp.h>
#endif
#endif

#ifdef HAS_SRTP

struct security {
    srtp_t out, in;
};

static pthread_once_t begun = PTHREAD_ONCE_INIT;
static int usable;

static void begin(void) {
    usable = srtp_init() == srtp_err_status_ok;
}

int clarion_has_srtp(void) {
    pthread_once(&begun, begin);
    return usable;
}

static int context(srtp_t *made, int tag_bytes, const uint8_t *key, srtp_ssrc_type_t direction) {
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    if (tag_bytes == 4)
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
    else
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    /* RFC 4568 6.2: SRTCP has the long tag with either suite. */
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    policy.ssrc.type = direction;
    policy.key = (unsigned char *)key;
    policy.window_size = 128;
    return srtp_create(made, &policy) == srtp_err_status_ok;
}

void free_security(security *s) {
    if (!s) return;
    if (s->out) srtp_dealloc(s->out);
    if (s->in) srtp_dealloc(s->in);
    free(s);
}

security *make_security(const clarion_form *form) {
    security *s = clarion_has_srtp() ? calloc(1, sizeof *s) : NULL;
    if (s && context(&s->out, form->srtp_tag, form->our_key, ssrc_any_outbound) &&
        context(&s->in, form->srtp_tag, form->their_key, ssrc_any_inbound))
        return s;
    free_security(s);
    return NULL;
}

/* Each changes the packet in place and gives its new length, 0 where it must not go on. */
size_t protect(security *s, uint8_t *packet, size_t length, int is_report) {
    int size = (int)length;
    srtp_err_status_t status = is_report ? srtp_protect_rtcp(s->out, packet, &size) : srtp_protect(s->out, packet, &size);
    return status == srtp_err_status_ok && size > 0 ? (size_t)size : 0;
}

size_t unprotect(security *s, uint8_t *packet, size_t length, int is_report) {
    int size = (int)length;
    srtp_err_status_t status =
        is_report ? srtp_unprotect_rtcp(s->in, packet, &size) : srtp_unprotect(s->in, packet, &size);
    return status == srtp_err_status_ok && size > 0 ? (size_t)size : 0;
}

#else

int clarion_has_srtp(void) {
    return 0;
}

void free_security(security *s) {
    (void)s;
}

security *make_security(const clarion_form *form) {
    (void)form;
    return NULL;
}

size_t protect(security *s, uint8_t *packet, size_t length, int is_report) {
    (void)s, (void)packet, (void)length, (void)is_report;
    return 0;
}

size_t unprotect(security *s, uint8_t *packet, size_t length, int is_report) {
    (void)s, (void)packet, (void)length, (void)is_report;
    return 0;
}

#endif

size_t clarion_report(clarion_pump *p, uint32_t number, uint8_t *packet, size_t length, int out) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    size_t size = length;
    if (s && s->security)
        size = out ? protect(s->security, packet, length, 1) : unprotect(s->security, packet, length, 1);
    pthread_mutex_unlock(&p->lock);
    return size;
}
