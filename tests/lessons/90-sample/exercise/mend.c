#include <stdio.h>

int main(void)
{
    char line[100];
    if (fgets(line, sizeof line, stdin) != NULL)
        fputs(line, stdout);
    return 0;
}
