# The transfer with the number $1, over a wire of its own. Do not look before you have answered.
case $1 in
1) wire="--delay 15" ;;
3) wire="--delay 15 --drop 6%@11" ;;
*) wire="--delay 5" ;;
esac
exec sockdiag lab $wire -o "$1.pcapng" --server-cmd "python3 receiver.py $1" -- python3 sender.py "$1"
