#include "relay_conf.h"

#include "broker.h"
#include "topics.h"
#include <string.h>

static bool one_line(const char *text) {
    return text && *text && !strpbrk(text, "\r\n");
}

static bool conf_check(const struct relay_conf *c, struct err *e) {
    if (!topic_county_valid(c->county))
        return err_set(e, ERR_INVALID, "\"%s\" is not a county code of 6 digits", c->county);
    if (!topic_id_valid(c->relay))
        return err_set(e, ERR_INVALID, "\"%s\" is not a relay id", c->relay);
    if (strlen(c->town) != 12 || strspn(c->town, "0123456789") != 12 ||
        strncmp(c->town, c->county, 6) != 0 || strcmp(c->town + 9, "000") != 0 ||
        strcmp(c->town + 6, "000000") == 0)
        return err_set(e, ERR_INVALID, "\"%s\" is no township of county %s", c->town, c->county);
    if (!one_line(c->password) || !one_line(c->county_host) || !one_line(c->dir))
        return err_set(e, ERR_INVALID, "password, county host and directory are one line each");
    if (c->county_ca_file && !one_line(c->county_ca_file))
        return err_set(e, ERR_INVALID, "the file of certificates is one line");
    if (strchr(c->county_host, ' ') || c->county_port < 1 || c->county_port > 65535)
        return err_set(e, ERR_INVALID, "\"%s:%d\" is no host and port", c->county_host,
                       c->county_port);
    return true;
}

static void write_topics(FILE *out, const struct relay_conf *c) {
    const char *leaf[] = {"records", "pull"};
    for (size_t i = 0; i < 2; i++)
        fprintf(out, "topic +/%s out 1 zf/1/%s/up/ zf/1/%s/relay/%s/\n", leaf[i], c->county,
                c->county, c->relay);
    fprintf(out, "topic # in 1 zf/1/%s/down/ zf/1/%s/via/%s/\n", c->county, c->county, c->relay);
    fprintf(out, "topic village/%.3s/# in 1 zf/1/%s/ zf/1/%s/\n", c->town + 6, c->county,
            c->county);
    fprintf(out, "topic status/%.3s/# in 1 zf/1/%s/ zf/1/%s/\n", c->town + 6, c->county, c->county);
    const char *common[] = {"catalog/#", "bulletin/#", "server"};
    for (size_t i = 0; i < 3; i++)
        fprintf(out, "topic %s in 1 zf/1/%s/ zf/1/%s/\n", common[i], c->county, c->county);
}

/* At least TLS 1.2, and the certificate must be the host's. */
static void write_tls(FILE *out, const struct relay_conf *c) {
    if (c->county_ca_file)
        fprintf(out, "bridge_cafile %s\n", c->county_ca_file);
    else
        fputs("bridge_capath /etc/ssl/certs\n", out);
    fputs("bridge_tls_version tlsv1.2\nbridge_insecure false\n", out);
}

/* 3.1.1, because an MQTT 5 bridge of Mosquitto 2.0.11 asks for no session expiry: what the county
 * queues for it is discarded when the relay goes away. What only MQTT 5 carries (Response Topic)
 * has no meaning through a relay. */
static void write_bridge(FILE *out, const struct relay_conf *c) {
    fprintf(out,
            "\n# To the county. Nothing is lost while it cannot be reached: both ends keep the\n"
            "# session.\nconnection %s\naddress %s:%d\n",
            c->relay, c->county_host, c->county_port);
    if (c->county_tls)
        write_tls(out, c);
    fprintf(out,
            "bridge_protocol_version mqttv311\nremote_clientid %s\nremote_username %s\n"
            "remote_password %s\n",
            c->relay, c->relay, c->password);
    fputs("cleansession false\nstart_type automatic\nrestart_timeout 1 30\nkeepalive_interval 30\n"
          "notifications false\nbridge_attempt_unsubscribe false\n",
          out);
    write_topics(out, c);
}

bool relay_conf_write(FILE *out, const struct relay_conf *c, struct err *e) {
    if (!conf_check(c, e))
        return false;
    fprintf(out, "# Mosquitto configuration of township relay %s\n", c->relay);
    broker_write_settings(out);
    fprintf(out, "persistence_location %s/\npassword_file %s/passwd\nacl_file %s/acl\n", c->dir,
            c->dir, c->dir);
    fprintf(out, "\n# For the phones of the township.\nlistener %d%s%s\n", c->local_port,
            c->local_address ? " " : "", c->local_address ? c->local_address : "");
    fputs("use_username_as_clientid true\n", out);
    write_bridge(out, c);
    return true;
}
