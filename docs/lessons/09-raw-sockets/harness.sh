# Runs the program under exercise, and writes down which echo requests must be answered: all.
for length in 0 1 7 56 999 1400; do echo "$length answered"; done >want.txt
"$@"
