//! Writes HTML so that nothing from outside can become markup: names of elements and attributes are literals of
//! the program, and every other text is escaped.

use std::fmt::Display;

use crate::record::is_hidden;

/// HTML being written.
#[derive(Debug, Default)]
pub(super) struct Html(String);

/// The attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Elements that have neither content nor an end.
const VOID: [&str; 3] = ["meta", "br", "hr"];

impl Html {
    /// A document, with nothing in it yet.
    pub(super) fn document() -> Html {
        Html("<!doctype html>\n".to_owned())
    }

    /// Adds an element and what is in it.
    pub(super) fn tag(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Html),
    ) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
        if !VOID.contains(&name) {
            inside(self);
            self.0.push_str("</");
            self.0.push_str(name);
            self.0.push('>');
        }
    }

    /// Adds an element with a text.
    pub(super) fn leaf(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        text: impl Display,
    ) {
        self.tag(name, attributes, |html| html.text(text));
    }

    /// Adds an element without content.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, |_| {});
    }

    /// Adds a text. Characters that are markup are escaped, and hidden ones are shown as `\u{202e}`.
    pub(super) fn text(&mut self, text: impl Display) {
        for char in text.to_string().chars() {
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                char if is_hidden(char) => self.0.extend(char.escape_default()),
                char => self.0.push(char),
            }
        }
    }

    /// Adds text of the program itself, such as a style sheet.
    pub(super) fn literal(&mut self, text: &'static str) {
        self.0.push_str(text);
    }

    /// Adds a line end, for people who read the source.
    pub(super) fn newline(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_from_outside_is_text() {
        let mut html = Html::default();
        let odd = "<img src=x onerror='a(\"&\")'>\u{202e}\n";
        html.tag("p", &[("title", odd)], |html| {
            html.text(odd);
            html.empty("br", &[]);
        });
        let text = "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;\\u{202e}\\n";
        assert_eq!(html.finish(), format!("<p title=\"{text}\">{text}<br></p>"));
    }
}
