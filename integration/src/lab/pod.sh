# Becomes the container of a pod: the machine's own files under a layer that goes with the pod, with
# what the image and the volumes bring bound into them. In namespaces of its own for mounts, processes
# and the host's name; the network is the pod's already.
#
#     pod.sh FOLDER USER GROUP READ_ONLY WORKDIR PROGRAM [ARGUMENT…]
set -eu
folder=$1 user=$2 group=$3 read_only=$4 workdir=$5
shift 5
root=$folder/root
mkdir -p "$root" "$folder/work" "$folder/layer"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/layer,workdir=$folder/work" "$root"
hostname "$(cat "$folder/layer/etc/hostname")"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
# Nothing of the machine's user is in a pod: no cookie, no configuration, no socket.
for empty in tmp run root home mnt; do
    mount -t tmpfs -o mode=1777 tmpfs "$root/$empty"
done
# Each line is a source, a target, and whether it is for reading only (ro) or not (rw).
while read -r source target how; do
    if [ -d "$source" ]; then
        mkdir -p "$root$target"
    else
        mkdir -p "$root${target%/*}"
        [ -e "$root$target" ] || : >"$root$target"
    fi
done <"$folder/binds"
if [ "$read_only" = true ]; then
    for rest in /tmp /run /root /home /mnt ""; do
        mount -o remount,bind,ro "$root$rest"
    done
fi
while read -r source target how; do
    mount --bind "$source" "$root$target"
    [ "$how" = rw ] || mount -o remount,bind,ro "$root$target"
done <"$folder/binds"
rights=
[ "$user" = 0 ] || rights="--no-new-privs --bounding-set=-all"
# A shell that begins in its own root begins in the working directory too.
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups $rights \
    sh -c 'cd "$0" && exec "$@"' "$workdir" "$@"
