//! `channel` and `optout`: words of an enum that are written another way.

/// What people call a channel that has another name here. (Firebase Cloud Messaging is what
/// Google Cloud Messaging became.)
const CHANNELS: [(&str, &str); 4] = [
    ("FCM", "GCM"),
    ("FIREBASE", "GCM"),
    ("FIREBASECLOUDMESSAGING", "GCM"),
    ("GOOGLECLOUDMESSAGING", "GCM"),
];

/// The channel that the value means, whatever its case and what stands between its words.
pub(super) fn mend_channel(value: &str, words: &[String]) -> Option<String> {
    let is_bare = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    if words.iter().any(|word| word == value)
        || !is_bare(value.chars().next())
        || !is_bare(value.chars().next_back())
    {
        return None;
    }
    let squeezed = squeeze(value);
    let alias = CHANNELS.iter().find(|(alias, _)| *alias == squeezed);
    let meant = alias.map_or(squeezed.as_str(), |(_, word)| word);
    words.iter().find(|word| squeeze(word) == meant).cloned()
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|char| !" -_".contains(*char)).map(|c| c.to_ascii_uppercase()).collect()
}

/// The word in another case. What `true` or `yes` would mean here, nobody can tell.
pub(super) fn mend_opt_out(value: &str, words: &[String]) -> Option<String> {
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(value))?;
    (word != value).then(|| word.clone())
}
