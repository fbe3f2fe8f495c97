"""What a terminal shows of the little that programs send it that do not take the whole screen.

    screen = Screen(rows=24, columns=80)
    screen.feed("text\\r\\n\\x1b[1Aother text\\x1b[J")
    screen.resize(24, 40)                   # lines are wrapped anew, as most terminals do
    screen.shown()                          # the rows of the screen
"""

import re

SENT = re.compile(r"\x1b\[([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """Every character takes one column."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines = [""]  # before they are wrapped; also those that are no longer shown
        self.line = self.column = 0  # where the cursor is
        self.top = 0  # the first row that is shown

    def _wrapped(self, text):
        return [text[at:at + self.columns] for at in range(0, max(len(text), 1), self.columns)]

    def _rows(self):
        return [row for line in self.lines for row in self._wrapped(line)]

    def _up(self, count):
        """No higher than the screen is."""
        row = sum(len(self._wrapped(line)) for line in self.lines[:self.line]) + max(self.column - 1, 0) // self.columns
        row, at = max(row - count, self.top), self.column % self.columns
        for number, line in enumerate(self.lines):
            height = len(self._wrapped(line))
            if row < height:
                self.line, self.column = number, row * self.columns + at
                return
            row -= height

    def _put(self, text):
        line = self.lines[self.line].ljust(self.column)
        self.lines[self.line] = line[:self.column] + text + line[self.column + len(text):]
        self.column += len(text)

    def feed(self, text):
        for words, letter, control, printed in SENT.findall(text):
            if letter == "A":
                self._up(int(words or 1))
            elif letter == "J":
                self.lines[self.line] = self.lines[self.line][:self.column]
                del self.lines[self.line + 1:]
            elif letter:
                assert letter == "m", f"CSI {words}{letter}"
            elif control == "\r":
                self.column = max(self.column - 1, 0) // self.columns * self.columns
            elif control == "\n":
                self.line, self.column = self.line + 1, 0
                self.lines += [""] * (self.line == len(self.lines))
            else:
                self._put(printed)
            self.top = max(self.top, len(self._rows()) - self.rows)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.top = max(0, len(self._rows()) - rows)

    def shown(self):
        return self._rows()[self.top:]
