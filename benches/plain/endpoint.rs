//! An endpoint as serde reads and writes it.
//!
//! Fields are written in the order of the structs. Absent fields, nulls and empty objects are not
//! written. Maps keep the order of the input.
//!
//! Nothing here implements `Debug`, since it would show personal data.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::Number;

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the format's own names")]
pub(super) struct Endpoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opt_out: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effective_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(super) attributes: Option<Named<Vec<String>>>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(super) metrics: Option<Named<Number>>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(super) demographic: Option<Demographic>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(super) location: Option<Location>,
    #[serde(skip_serializing_if = "is_blank_user")]
    pub(super) user: Option<User>,
}

#[derive(Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Demographic {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) make: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timezone: Option<String>,
}

#[derive(Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latitude: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) longitude: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(super) user_attributes: Option<Named<Vec<String>>>,
}

/// A map in the order of the input. A map has few names, so a list is the fastest form.
#[derive(PartialEq)]
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl Endpoint {
    pub(super) fn is_inactive(&self) -> bool {
        self.endpoint_status.as_deref() == Some("INACTIVE")
    }

    pub(super) fn user_id(&self) -> Option<&str> {
        self.user.as_ref().and_then(|user| user.user_id.as_deref())
    }

    pub(super) fn user_attributes(&self) -> Option<&Named<Vec<String>>> {
        self.user.as_ref().and_then(|user| user.user_attributes.as_ref())
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn is_blank<T: Default + PartialEq>(object: &Option<T>) -> bool {
    object.as_ref().is_none_or(|object| *object == T::default())
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn is_blank_user(user: &Option<User>) -> bool {
    user.as_ref().is_none_or(|user| user.user_id.is_none() && is_blank(&user.user_attributes))
}

impl<T> Named<T> {
    /// The value of a name, which is added if it is absent.
    pub(super) fn entry(&mut self, name: &str) -> &mut T
    where
        T: Default,
    {
        let found = self.0.iter().position(|(known, _)| known == name);
        let index = found.unwrap_or_else(|| {
            self.0.push((name.to_owned(), T::default()));
            self.0.len() - 1
        });
        let (_, value) = self.0.get_mut(index).expect("it was found or made");
        value
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut entries: Vec<(String, T)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Option<T>>()? {
            if entries.iter().any(|(known, _)| *known == name) {
                return Err(de::Error::custom("duplicate name"));
            }
            entries.extend(value.map(|value| (name, value)));
        }
        Ok(Named(entries))
    }
}
