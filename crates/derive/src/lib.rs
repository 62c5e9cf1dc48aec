//! `#[derive(Layer)]`: walks the fields of a type in the order of their declaration.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Generics, LitStr, Member, Type, parse_quote};

/// Implements `Layer` by visiting every field in the order of declaration. A parameter's name is
/// the path of fields that leads to it: `l1/W`.
///
/// Every field must be a layer, a `Parameter`, a `Buffer`, a `State` or a plain setting (a number,
/// a bool, a string, ...); anything else does not compile, so that no parameter can be forgotten.
///
/// On a field, `#[layer(name = "W")]` gives another name than the field's, `#[layer(flatten)]`
/// leaves this part of the path out, and `#[layer(skip)]` leaves the field out. The field of a
/// type that has only one, unnamed, adds nothing to the path. Unnamed fields are named `0`, `1`, …
#[proc_macro_derive(Layer, attributes(layer))]
pub fn derive_layer(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(mut input: DeriveInput) -> Result<TokenStream, Error> {
    let mut bounded = Vec::new();
    let body = match &input.data {
        Data::Struct(data) => {
            let visits = visits(
                &data.fields,
                &input.generics,
                &mut bounded,
                |member, _| quote!(&self.#member),
            )?;
            quote!(#(#visits)*)
        }
        Data::Enum(data) => {
            let mut arms = Vec::new();
            for variant in &data.variants {
                let name = &variant.ident;
                let visits = visits(&variant.fields, &input.generics, &mut bounded, |_, i| {
                    let binding = format_ident!("field{i}");
                    quote!(#binding)
                })?;
                let patterns = variant.fields.iter().enumerate().map(|(i, field)| {
                    let (member, binding) = (member(i, field), format_ident!("field{i}"));
                    quote!(#member: #binding)
                });
                arms.push(quote! {
                    #[allow(unused_variables)]
                    Self::#name { #(#patterns),* } => { #(#visits)* }
                });
            }
            if arms.is_empty() {
                quote!(match *self {})
            } else {
                quote!(match self { #(#arms)* })
            }
        }
        Data::Union(_) => {
            return Err(Error::new(
                input.ident.span(),
                "a union cannot be a layer: which of its fields is alive is not known",
            ));
        }
    };
    if !bounded.is_empty() {
        let clause = input.generics.make_where_clause();
        for ty in bounded {
            clause
                .predicates
                .push(parse_quote!(#ty: ::dezero::layers::LayerField));
        }
    }
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::dezero::Layer for #name #type_generics #where_clause {
            #[allow(unused_variables)]
            fn visit(&self, visitor: &mut ::dezero::layers::Visitor<'_>) {
                #body
            }
        }
    })
}

fn member(i: usize, field: &Field) -> Member {
    match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(i.into()),
    }
}

/// What `#[layer(...)]` says about a field.
#[derive(Default)]
struct Settings {
    name: Option<String>,
    skip: bool,
}

impl Settings {
    fn of(field: &Field) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("layer")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    settings.skip = true;
                } else if meta.path.is_ident("flatten") {
                    settings.name = Some(String::new());
                } else if meta.path.is_ident("name") {
                    let name: LitStr = meta.value()?.parse()?;
                    if name.value().is_empty() {
                        return Err(Error::new(
                            name.span(),
                            "the name is empty; to leave it out of the path, write `flatten`",
                        ));
                    }
                    settings.name = Some(name.value());
                } else {
                    return Err(meta.error("expected `name = \"…\"`, `flatten` or `skip`"));
                }
                Ok(())
            })?;
        }
        Ok(settings)
    }
}

/// A call of the visitor for each field that is not skipped. Types that depend on type parameters
/// are added to `bounded`.
fn visits(
    fields: &Fields,
    generics: &Generics,
    bounded: &mut Vec<Type>,
    access: impl Fn(&Member, usize) -> TokenStream,
) -> Result<Vec<TokenStream>, Error> {
    let transparent = matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
    let mut visits = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let settings = Settings::of(field)?;
        if settings.skip {
            continue;
        }
        let member = member(i, field);
        let name = settings.name.unwrap_or_else(|| match &member {
            Member::Named(name) => name.to_string().trim_start_matches("r#").to_owned(),
            Member::Unnamed(_) if transparent => String::new(),
            Member::Unnamed(index) => index.index.to_string(),
        });
        if mentions_parameter(&field.ty, generics) {
            bounded.push(field.ty.clone());
        }
        let value = access(&member, i);
        // At the field's type: an error about it is shown there.
        visits.push(quote_spanned! {field.ty.span()=>
            ::dezero::layers::LayerField::visit_field(#value, #name, visitor);
        });
    }
    Ok(visits)
}

/// Whether a type parameter occurs in `ty`.
fn mentions_parameter(ty: &Type, generics: &Generics) -> bool {
    fn any_ident(tokens: TokenStream, generics: &Generics) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => generics
                .type_params()
                .any(|parameter| parameter.ident == ident),
            proc_macro2::TokenTree::Group(group) => any_ident(group.stream(), generics),
            _ => false,
        })
    }
    any_ident(quote!(#ty), generics)
}
