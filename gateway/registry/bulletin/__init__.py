"""The ranking bulletin (综合评价通报): kept figures -> blocks -> an HTML file or a PDF, the same bytes every time."""
