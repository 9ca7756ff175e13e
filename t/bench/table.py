"""The figures, on the screen and in markdown."""

COLUMNS = (("kind", 7), ("conn", 5), ("", 7), ("requests/s", 11),
           ("p50 ms", 8), ("p99 ms", 8), ("CPU µs/req", 11), ("RSS MiB", 8),
           ("own MiB", 8))

MIB = 1024 * 1024


class Table:

    def __init__(self, machine):
        self.markdown = ["- %s" % line for line in machine]
        print("\n".join(machine))

    def head(self):
        print()
        self.row([name for name, _ in COLUMNS])
        self.markdown += ["", "| " + " | ".join(n for n, _ in COLUMNS) + " |",
                          "|" + " --- |" * len(COLUMNS)]

    def title(self, text):
        print("\n" + text)
        self.markdown += ["", text + ":"]

    def begin(self, *columns):
        """Columns of a table of its own: (name, width)."""
        self.widths = [w for _, w in columns]
        self.cells(*[name for name, _ in columns])
        self.markdown.insert(-1, "")
        self.markdown.append("|" + " --- |" * len(columns))

    def cells(self, *cells):
        cells = [str(c) for c in cells]
        print(" ".join(c.rjust(w) for c, w in zip(cells, self.widths)))
        self.markdown.append("| " + " | ".join(cells) + " |")

    def line(self, text):
        print(text)
        self.markdown += ["", text]

    def add(self, kind, connections, bare, module):
        self.values(kind, connections, "bare", bare)
        self.values(kind, connections, "module", module)
        self.ratios(kind, connections, bare, module)

    def values(self, kind, connections, name, v):
        self.both([kind, str(connections), name, "%.0f" % v["rate"],
                   "%.2f" % v["p50"], "%.2f" % v["p99"], "%.1f" % v["cpu"],
                   "%.1f" % (v["rss"] / MIB), "%.1f" % (v["own"] / MIB)])

    def ratios(self, kind, connections, bare, module):
        self.both([kind, str(connections), "ratio"]
                  + ["%.2f" % (module[name] / bare[name])
                     for name in ("rate", "p50", "p99", "cpu", "rss", "own")])

    def both(self, cells):
        self.row(cells)
        self.markdown.append("| " + " | ".join(cells) + " |")

    def row(self, cells):
        print(" ".join(c.rjust(w) for c, (_, w) in zip(cells, COLUMNS)))

    def add_streams(self, s):
        line = ("%s: %d of %d slow streams at once ended whole; one worker, "
                "RSS %.1f MiB before and %.1f MiB during: %.1f KiB a stream "
                "(%.1f KiB of its own)"
                % (s["name"], s["whole"], s["streams"], s["before"] / MIB,
                   s["during"] / MIB, s["each"] / 1024,
                   s["each_own"] / 1024))

        if self.markdown[-1].startswith("|"):
            print()
            self.markdown.append("")

        print(line)
        self.markdown.append("- " + line)
        self.streams = getattr(self, "streams", []) + [s]

    def finish(self):
        bare, module = self.streams
        line = "module / bare: %.2f a stream" % (module["each"] / bare["each"])

        print(line)
        self.markdown.append("- " + line)

    def save(self, path):
        with open(path, "w", encoding="utf-8") as out:
            out.write("\n".join(self.markdown) + "\n")

        print("\nThe same in markdown: %s" % path)
