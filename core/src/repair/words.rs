//! `channel` and `optout`: other spellings of the values of an enum.

/// Other names of channels, without spaces and in upper case. Firebase Cloud Messaging is the
/// successor of Google Cloud Messaging; the target still calls it GCM.
const CHANNELS: [(&str, &str); 4] = [
    ("FCM", "GCM"),
    ("FIREBASE", "GCM"),
    ("FIREBASECLOUDMESSAGING", "GCM"),
    ("GOOGLECLOUDMESSAGING", "GCM"),
];

/// Returns the channel, ignoring case and the separators between words; `None` if the value is
/// valid or unknown.
pub(super) fn repair_channel(value: &str, words: &[String]) -> Option<String> {
    let is_bare = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    if words.iter().any(|word| word == value)
        || !is_bare(value.chars().next())
        || !is_bare(value.chars().next_back())
    {
        return None;
    }
    let squeezed = squeeze(value);
    let alias = CHANNELS.iter().find(|(alias, _)| *alias == squeezed);
    let name = alias.map_or(squeezed.as_str(), |(_, channel)| channel);
    words.iter().find(|word| squeeze(word) == name).cloned()
}

/// The text in upper case without separators.
fn squeeze(text: &str) -> String {
    text.chars().filter(|char| !" -_".contains(*char)).map(|c| c.to_ascii_uppercase()).collect()
}

/// Returns the value of the enum that differs only in case. `true` and `yes` are not repaired: they
/// could mean either value.
pub(super) fn repair_opt_out(value: &str, words: &[String]) -> Option<String> {
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(value))?;
    (word != value).then(|| word.clone())
}
