# How many files the program has left that nobody wanted, as NDJSON.
echo "{\"type\":\"count\",\"files\":$(find . -name 'extra*' | wc -l)}"
