#!/bin/sh
# Makes the node's name of what a pod knows about itself, and becomes the program behind it:
#
#     rel/env.sh flitch node
#
#   RELEASE_NODE     the whole name. If it is set it stays, and nothing else here counts.
#   RELEASE_NAME     the part before the @ (worker)
#   CLUSTER_MODE     what the part after it is made of, in the words of libcluster's `mode`:
#                    ip (so unless given)  POD_IP
#                                          worker@10.0.0.7
#                    dns                   POD_A_RECORD, NAMESPACE, CLUSTER_DOMAIN
#                                          worker@10-0-0-7.shop.pod.cluster.local
#                    hostname              hostname -f, for the pods of a StatefulSet
#                                          worker@worker-0.worker-svc.shop.svc.cluster.local
#   POD_IP           by fieldRef from status.podIP; IPv4 or IPv6
#   POD_A_RECORD     made of POD_IP unless it is set
#   NAMESPACE        by fieldRef from metadata.namespace
#   CLUSTER_DOMAIN   (cluster.local)
#
# For any POSIX sh. env.sh.eex does the same for a mix release.
set -eu

fail() {
    echo "env.sh: $1" >&2
    exit 78 # EX_CONFIG of sysexits.h
}

# A BEAM takes an IPv6 address after the @ as it is, without brackets: worker@fd00::7.
need_pod_ip() {
    case ${POD_IP:-} in
        '') fail "POD_IP is not set, and the node's name is made of it: give it by a fieldRef to status.podIP, or set RELEASE_NODE" ;;
        *[!0-9A-Fa-f.:]*) fail "POD_IP is '$POD_IP', which is not one IP address: take status.podIP, or one of status.podIPs" ;;
    esac
}

# A pod's record has a dash for each dot of an IPv4 address and each colon of an IPv6 one.
need_pod_a_record() {
    [ -n "${NAMESPACE:-}" ] || fail "NAMESPACE is not set, and CLUSTER_MODE=dns makes the node's name of it: give it by a fieldRef to metadata.namespace"
    [ -n "${POD_A_RECORD:-}" ] || need_pod_ip
    POD_A_RECORD=${POD_A_RECORD:-$(echo "$POD_IP" | tr .: --)}
}

need_full_hostname() {
    full_hostname=$(hostname -f) || fail "hostname -f fails, and CLUSTER_MODE=hostname makes the node's name of it"
    case $full_hostname in
        *.*) ;;
        *) fail "hostname -f says '$full_hostname', which is no full name: CLUSTER_MODE=hostname is for the pods of a StatefulSet whose serviceName is a headless service" ;;
    esac
}

if [ -z "${RELEASE_NODE:-}" ]; then
    cluster_domain=${CLUSTER_DOMAIN:-cluster.local}
    case ${CLUSTER_MODE:-ip} in
        ip) need_pod_ip && host=$POD_IP ;;
        dns) need_pod_a_record && host=$POD_A_RECORD.$NAMESPACE.pod.${cluster_domain%.} ;;
        hostname) need_full_hostname && host=$full_hostname ;;
        *) fail "CLUSTER_MODE is '$CLUSTER_MODE': it may be ip, dns or hostname" ;;
    esac
    export RELEASE_NODE="${RELEASE_NAME:-worker}@$host"
fi

[ $# -gt 0 ] || fail "nothing to start: say, rel/env.sh flitch node"
exec "$@"
